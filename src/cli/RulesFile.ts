/**
 * The rules file of `--approve`, and of `--rules` of `serve`. A file that the agent can write would let it accept its own requests: one run changes the
 * rules inside the sandbox, and the next run accepts everything. So such a file is refused.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Approval from "../Approval.ts"
import * as ApprovalPolicy from "../approval/Policy.ts"
import { UsageError } from "./CommandEnd.ts"
import * as ProtectedFile from "./ProtectedFile.ts"

/** What the command line says about the thread that the rules are for. */
export interface RulesTarget extends ProtectedFile.FileTarget {
  /** Whether to read a file that the agent can write. */
  readonly trust?: boolean | undefined
  /** The flag that names the file, for errors. Default: `--approve`, which also takes words. */
  readonly flag?: "--rules" | undefined
}

/** The content of a rules file. */
export const RulesFile = Schema.Array(Approval.ApprovalRule)

const decodeRules = Schema.decodeUnknownEffect(Schema.fromJsonString(RulesFile), {
  onExcessProperty: "error"
})

/**
 * Returns the policy of a rules file. Fails if the agent could have changed the file. What the agent can really write is
 * known when the thread is open: then a rule of an exposed file decides nothing, and every request is declined.
 */
export const policy = Effect.fnUntraced(function* (file: string, target: RulesTarget) {
  const { flag = "--approve", trust = false } = target
  const text = yield* ProtectedFile.readText(
    file,
    `${flag}: cannot read "${file}"; pass ${flag === "--approve" ? "never, ask, all or " : ""}the path of a rules file`
  )
  const problem = trust ? undefined : ProtectedFile.exposure(file, ProtectedFile.writableRoots(target))
  if (problem !== undefined)
    return yield* new UsageError({
      text:
        `${flag}: ${problem}, so it could accept its own requests with "${file}"; ` +
        "move the file to a directory that the agent cannot write, or pass --trust-rules-file"
    })
  const rules = yield* decodeRules(text).pipe(
    Effect.mapError(
      (error) =>
        new UsageError({ text: `${flag}: "${file}" is not a valid list of rules:\n${error.message}` })
    )
  )
  const decide = Approval.rules(rules)
  if (trust) return decide
  const guarded: typeof decide = (request) =>
    Effect.flatMap(ApprovalPolicy.ApprovalContext, ({ writableRoots }) => {
      const exposed = ProtectedFile.exposure(file, writableRoots)
      return exposed === undefined
        ? decide(request)
        : Effect.succeed(Approval.decline(`the rules file is not used: ${exposed}`))
    })
  return guarded
})
