/** Merges text deltas, because their boundaries vary from run to run. */
const isDelta = (
  value: unknown
): value is { readonly _tag: string; readonly itemId: string; readonly delta: string } =>
  typeof value === "object" && value !== null && "delta" in value && "itemId" in value && "_tag" in value

export const mergeText = (value: unknown): unknown => {
  if (Array.isArray(value)) {
    const out: Array<unknown> = []
    for (const item of value.map(mergeText)) {
      const last = out.at(-1)
      if (isDelta(item) && isDelta(last) && item._tag === last._tag && item.itemId === last.itemId) {
        out[out.length - 1] = { ...last, delta: last.delta + item.delta }
      } else out.push(item)
    }
    return out
  }
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mergeText(inner)]))
}
