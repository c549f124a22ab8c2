/** The rows of a waterfall: which spans of the tree are visible, and how deep they are. */

/** A span as the waterfall shows it. Times are nanoseconds after any moment that all spans share. */
export interface WaterfallRow {
  readonly name: string
  /** Names the colour, and is read out: `model`, `tool`. */
  readonly kind: string
  /** The position of the parent, which is before its children. Absent for a root. */
  readonly parent?: number
  readonly depth: number
  readonly start: number
  readonly end: number
  readonly failed: boolean
  /** What to know at a glance. */
  readonly note: string
}

/** A time during which everything waited for one span. */
export interface WaterfallPart {
  readonly span: number
  readonly start: number
  readonly end: number
}

type TreeSpan = Pick<WaterfallRow, "parent" | "depth">

export interface SpanRow {
  readonly span: number
  readonly depth: number
  readonly children: number
  readonly expanded: boolean
  /** Whether the span itself matches, and is not only an ancestor of a span that does. */
  readonly matches: boolean
}

/**
 * Returns the visible rows in their order. A collapsed span hides its descendants. With `matches`, only matching spans and
 * their ancestors are visible, and collapsed spans are open.
 */
export const visibleRows = (
  spans: ReadonlyArray<TreeSpan>,
  collapsed: ReadonlySet<number>,
  matches?: (span: number) => boolean
): ReadonlyArray<SpanRow> => {
  const children = spans.map(() => 0)
  for (const { parent } of spans) if (parent !== undefined) children[parent] = (children[parent] ?? 0) + 1
  const hits = spans.map((_, span) => matches?.(span) ?? true)
  const kept = [...hits]
  if (matches !== undefined)
    for (let span = spans.length - 1; span >= 0; span--) {
      const parent = spans[span]?.parent
      if (kept[span] === true && parent !== undefined) kept[parent] = true
    }
  const closed = matches === undefined ? collapsed : new Set<number>()
  const hidden = spans.map(() => false)
  const rows: Array<SpanRow> = []
  for (const [span, { depth, parent }] of spans.entries()) {
    hidden[span] = parent !== undefined && (hidden[parent] === true || closed.has(parent))
    if (hidden[span] || kept[span] !== true) continue
    rows.push({
      span,
      depth,
      children: children[span] ?? 0,
      expanded: !closed.has(span),
      matches: hits[span] === true
    })
  }
  return rows
}
