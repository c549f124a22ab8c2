/** The result of a code review: findings that refer to lines of files. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/**
 * What a review looks at. A `Commit` is named by its hash; `title` is shown with it.
 * @since 0.1.0
 * @category models
 */
export type ReviewTarget =
  /** Staged, unstaged and untracked changes. */
  | { readonly _tag: "Uncommitted" }
  /** The changes of the current branch since it left this one. */
  | { readonly _tag: "Branch"; readonly branch: string }
  | { readonly _tag: "Commit"; readonly sha: string; readonly title?: string }
  /** What the instructions say. */
  | { readonly _tag: "Custom"; readonly instructions: string }

/**
 * Everything that is not committed: staged, unstaged and untracked changes.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codex, Review } from "effect-codex"
 *
 * const program = Effect.gen(function* () {
 *   const thread = yield* Codex.use(({ startThread }) => startThread({ sandbox: "read-only" }))
 *   const { review } = yield* thread.review({ target: Review.uncommitted })
 *   return review.findings
 * }).pipe(Effect.scoped)
 * ```
 */
export const uncommitted: ReviewTarget = { _tag: "Uncommitted" }

/**
 * The changes that a merge of the current branch into this branch would bring.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codex, Review } from "effect-codex"
 *
 * const pullRequest = Codex.use(({ startThread }) => startThread({ sandbox: "read-only" })).pipe(
 *   Effect.flatMap((thread) => thread.review({ target: Review.branch("main") })),
 *   Effect.scoped
 * )
 * ```
 */
export const branch = (branch: string): ReviewTarget => ({ _tag: "Branch", branch })

/**
 * One commit. `title` is shown with the hash.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Review } from "effect-codex"
 *
 * const target = Review.commit("1b79fc7", "Retry only while the turn has changed nothing")
 * ```
 */
export const commit = (sha: string, title?: string): ReviewTarget => ({
  _tag: "Commit",
  sha,
  ...(title === undefined ? {} : { title })
})

/**
 * Whatever the instructions ask to review.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Review } from "effect-codex"
 *
 * const target = Review.custom("Review the error handling of src/server, and nothing else")
 * ```
 */
export const custom = (instructions: string): ReviewTarget => ({ _tag: "Custom", instructions })

/**
 * One finding. `lines` are counted from 1, the last line included. `priority` is 0 (drop everything) to 3 (nice to have);
 * `confidence` is 0 to 1. The model may omit both.
 * @since 0.1.0
 * @category schemas
 */
export class ReviewFinding extends Schema.Opaque<ReviewFinding>()(
  Schema.Struct({
    title: Schema.String,
    body: Schema.String,
    path: Schema.String,
    lines: Schema.Struct({ start: Schema.Int, end: Schema.Int }),
    priority: Schema.optionalKey(Schema.Int),
    confidence: Schema.optionalKey(Schema.Finite)
  })
) {}

/**
 * The result of a review. `verdict` is the model's overall judgement in its own words, such as `patch is correct`, and
 * `explanation` the text that explains it.
 * @since 0.1.0
 * @category schemas
 */
export class Review extends Schema.Opaque<Review>()(
  Schema.Struct({
    findings: Schema.Array(ReviewFinding),
    explanation: Schema.String,
    verdict: Schema.optionalKey(Schema.String),
    confidence: Schema.optionalKey(Schema.Finite)
  })
) {}

/**
 * Formats a review as Codex shows it: the explanation, then each finding with its place and its indented body.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Review, Turn } from "effect-codex"
 *
 * const comment = ({ review }: Turn.TurnWithReview) => Review.format(review)
 * ```
 */
export const format = ({ explanation, findings }: Review): string => {
  const listed = findings.map(({ body, lines, path, priority, title }) =>
    [
      `- ${priority === undefined ? "" : `[P${priority}] `}${title} — ${path}:${lines.start}-${lines.end}`,
      ...body.split("\n").map((line) => `  ${line}`)
    ].join("\n")
  )
  const heading = findings.length === 1 ? "Review comment:" : "Full review comments:"
  return [explanation, ...(listed.length === 0 ? [] : [heading, ...listed])]
    .filter((part) => part !== "")
    .join("\n\n")
}

const nullish = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

/** The JSON that Codex asks the reviewing model for. */
const ModelReview = Schema.Struct({
  findings: Schema.Array(
    Schema.Struct({
      title: Schema.String,
      body: Schema.String,
      confidence_score: nullish(Schema.Finite),
      priority: nullish(Schema.Int),
      code_location: Schema.Struct({
        absolute_file_path: Schema.String,
        line_range: Schema.Struct({ start: Schema.Int, end: Schema.Int })
      })
    })
  ),
  overall_correctness: nullish(Schema.String),
  overall_explanation: nullish(Schema.String),
  overall_confidence_score: nullish(Schema.Finite)
})

const decodeModelReview = Schema.decodeUnknownOption(Schema.fromJsonString(ModelReview))

const titlePriority = /^\[P([0-3])\]\s*/

const finding = (
  title: string,
  found: Omit<ReviewFinding, "title" | "priority" | "confidence">,
  priority: number | null | undefined,
  confidence: number | null | undefined
): ReviewFinding => {
  const named = titlePriority.exec(title)?.[1]
  const rank = priority ?? (named === undefined ? undefined : Number(named))
  return {
    title: title.replace(titlePriority, ""),
    ...found,
    ...(rank === undefined ? {} : { priority: rank }),
    ...(confidence === null || confidence === undefined ? {} : { confidence })
  }
}

/**
 * Decodes the message of the reviewing model: JSON, alone or inside other text. Returns `undefined` if the message has no
 * such JSON, as Codex then treats the message as the explanation.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Review } from "effect-codex"
 *
 * const review = Review.fromModel('{"findings":[],"overall_explanation":"No bugs.","overall_correctness":"patch is correct"}')
 * ```
 */
export const fromModel = (message: string): Review | undefined => {
  const from = message.indexOf("{")
  const json = from < 0 ? "" : message.slice(from, message.lastIndexOf("}") + 1)
  const decoded = Option.getOrUndefined(
    Option.orElse(decodeModelReview(message), () => decodeModelReview(json))
  )
  if (decoded === undefined) return undefined
  const { findings, overall_confidence_score: confidence, overall_correctness: verdict } = decoded
  return {
    findings: findings.map(({ body, code_location, confidence_score, priority, title }) =>
      finding(
        title,
        { body, path: code_location.absolute_file_path, lines: code_location.line_range },
        priority,
        confidence_score
      )
    ),
    explanation: decoded.overall_explanation ?? "",
    ...(verdict === null || verdict === undefined || verdict === "" ? {} : { verdict }),
    ...(confidence === null || confidence === undefined ? {} : { confidence })
  }
}

const heading = /^(?:- )?(?:\[[x ]\] )?(?<title>.*) — (?<path>.+):(?<start>\d+)-(?<end>\d+)$/

/** What Codex shows instead of a review if the reviewing model failed, was interrupted or wrote nothing. */
const noReview = "Reviewer failed to output a response."

/** JSON of the model that has findings. Codex shows it as the explanation if it cannot read them. */
const namesFindings = /[{,]\s*"findings"\s*:/

/**
 * Reads the text in which Codex shows a review: the explanation, then each finding with its place and its indented body.
 * The text has no confidence and no verdict. Stored reviews consist of this text only. Returns `undefined` if the model
 * gave no review, or if its findings cannot be read: it must not look like a review without findings.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codex, Review, ThreadId } from "effect-codex"
 *
 * const storedReviews = (id: ThreadId) =>
 *   Codex.use(({ readThread }) => readThread(id)).pipe(
 *     Effect.map(({ turns }) =>
 *       turns.flatMap(({ items }) => items).flatMap((item) =>
 *         item._tag === "ExitedReviewMode" ? (Review.fromText(item.text) ?? []) : []
 *       )
 *     )
 *   )
 * ```
 */
export const fromText = (text: string): Review | undefined => {
  if (text.trim() === noReview) return undefined
  const [, before = text, listed] =
    /^(.*?)(?:^|\n\n)(?:Full review comments|Review comments?):\n\n(.*)$/s.exec(text) ?? []
  if (listed === undefined)
    return namesFindings.test(text) ? undefined : { findings: [], explanation: text.trim() }
  const findings: Array<ReviewFinding> = []
  let title: RegExpExecArray | undefined
  let body: Array<string> = []
  const close = () => {
    const { end, path, start, title: name } = title?.groups ?? {}
    if (name !== undefined && path !== undefined)
      findings.push(
        finding(
          name,
          { body: body.join("\n").trim(), path, lines: { start: Number(start), end: Number(end) } },
          undefined,
          undefined
        )
      )
    body = []
  }
  for (const line of listed.split("\n")) {
    const next = line.startsWith("- ") ? (heading.exec(line) ?? undefined) : undefined
    if (next === undefined) {
      // A finding whose place cannot be read would be lost.
      if (title === undefined && line.trim() !== "") return undefined
      body.push(line.startsWith("  ") ? line.slice(2) : line)
    } else {
      close()
      title = next
    }
  }
  close()
  return findings.length === 0 ? undefined : { findings, explanation: before.trim() }
}
