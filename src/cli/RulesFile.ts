/**
 * The rules file of `--approve`. A file that the agent can write would let it accept its own requests: one run changes the
 * rules inside the sandbox, and the next run accepts everything. So such a file is refused.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import * as Nodepath from "node:path"
import { parse as parseToml } from "smol-toml"
import * as Approval from "../Approval.ts"
import * as ApprovalPolicy from "../approval/Policy.ts"
import * as ThreadAccess from "../domain/ThreadAccess.ts"
import type { Sandbox } from "../domain/TurnOptions.ts"
import * as RealPath from "../internal/RealPath.ts"
import { readDescriptor } from "../internal/SafeFile.ts"
import { UsageError } from "./ExitCode.ts"

/** What the command line says about the thread that the rules are for. */
export interface RulesTarget {
  readonly cwd?: string | undefined
  /** A resumed thread may have a sandbox that the command line does not name. */
  readonly sandbox?: Sandbox | undefined
  readonly additionalDirectories?: ReadonlyArray<string> | undefined
  /** The `-c` overrides. */
  readonly overrides?: ReadonlyArray<string> | undefined
  /** Whether to read a file that the agent can write. */
  readonly trust?: boolean | undefined
}

/** The content of a rules file. */
export const RulesFile = Schema.Array(Approval.ApprovalRule)

const decodeRules = Schema.decodeUnknownEffect(Schema.fromJsonString(RulesFile), {
  onExcessProperty: "error"
})

const maxBytes = 1024 * 1024

const decodeRoots = Schema.decodeUnknownOption(
  Schema.Struct({
    sandbox_workspace_write: Schema.Struct({ writable_roots: Schema.Array(Schema.String) })
  })
)

/** The writable directories that an override configures. Other settings of Codex count when the thread is open. */
const configuredRoots = (override: string): ReadonlyArray<string> => {
  try {
    const found = decodeRoots(parseToml(override))
    return found._tag === "Some" ? found.value.sandbox_workspace_write.writable_roots : []
  } catch {
    return []
  }
}

/** Returns why the agent can change what the file contains, or `undefined`. */
const exposure = (file: string, roots: ReadonlyArray<string>): string | undefined => {
  const trail = RealPath.trail(file)
  if (trail === undefined) return "its path cannot be resolved"
  const root = roots.find((root) => trail.some((path) => RealPath.isAgentWritable(path, [root])))
  if (root === undefined) return undefined
  if (root === "/") return "the sandbox lets the agent write every file"
  return trail.length === 1
    ? `the agent can write "${root}", where the file lies`
    : `the agent can write "${root}", where the file or a link to it lies`
}

const unreadable = (file: string) =>
  new UsageError({
    text: `--approve: cannot read "${file}"; pass never, ask, all or the path of a rules file`
  })

/** Reads a small regular file. Does not wait for a FIFO. */
const readText = (file: string): Effect.Effect<string, UsageError> =>
  Effect.try({
    try: () => {
      const descriptor = Fs.openSync(file, Fs.constants.O_RDONLY | (Fs.constants.O_NONBLOCK ?? 0))
      try {
        const stats = Fs.fstatSync(descriptor)
        if (!stats.isFile() || stats.size > maxBytes) throw unreadable(file)
        return readDescriptor(descriptor, stats.size).toString("utf8")
      } finally {
        Fs.closeSync(descriptor)
      }
    },
    catch: () => unreadable(file)
  })

/**
 * Returns the policy of a rules file. Fails if the agent could have changed the file. What the agent can really write is
 * known when the thread is open: then a rule of an exposed file decides nothing, and every request is declined.
 */
export const policy = Effect.fnUntraced(function* (file: string, target: RulesTarget) {
  const { additionalDirectories = [], cwd = process.cwd(), overrides = [] } = target
  const { sandbox = "workspace-write", trust = false } = target
  const { writableRoots } = ThreadAccess.make(cwd, sandbox, {
    writableRoots: [
      ...overrides.flatMap(configuredRoots),
      ...additionalDirectories.map((directory) => Nodepath.resolve(directory))
    ]
  })
  const text = yield* readText(file)
  const problem = trust ? undefined : exposure(file, writableRoots)
  if (problem !== undefined)
    return yield* new UsageError({
      text:
        `--approve: ${problem}, so it could accept its own requests with "${file}"; ` +
        "move the file to a directory that the agent cannot write, or pass --trust-rules-file"
    })
  const rules = yield* decodeRules(text).pipe(
    Effect.mapError(
      (error) =>
        new UsageError({ text: `--approve: "${file}" is not a valid list of rules:\n${error.message}` })
    )
  )
  const decide = Approval.rules(rules)
  if (trust) return decide
  const guarded: typeof decide = (request) =>
    Effect.flatMap(ApprovalPolicy.ApprovalContext, ({ writableRoots }) => {
      const exposed = exposure(file, writableRoots)
      return exposed === undefined
        ? decide(request)
        : Effect.succeed(Approval.decline(`the rules file is not used: ${exposed}`))
    })
  return guarded
})
