/** Options of a thread and of a turn that change the settings of the thread. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as ThreadSettings from "./ThreadSettings.ts"

/**
 * Settings for a thread, or for a turn and the later turns of its handle. An omitted setting keeps its value.
 *
 * Each handle of a thread has its own settings: a turn of one handle does not change those of another.
 */
export interface SettingsOptions {
  /** The working directory, which must exist. */
  readonly cwd?: string | undefined
  /** The model, for example `gpt-5.4`. */
  readonly model?: string | undefined
  /** The reasoning effort, for example `high`. `Codex.listModels` lists the efforts of each model. */
  readonly effort?: string | undefined
  /** How much of the model's reasoning it summarises: `auto`, `concise`, `detailed` or `none`. */
  readonly summary?: ReasoningSummary | undefined
  /** The service tier of the provider, for example `flex`. Codex omits a tier that the model does not offer. */
  readonly serviceTier?: string | undefined
  /** What commands may access without approval. */
  readonly sandbox?: ThreadSettings.Sandbox | undefined
  /** Whether sandboxed commands can use the network. Requires `sandbox`. Default: Codex's configuration, which is no. */
  readonly network?: boolean | undefined
  /**
   * Directories that commands can write in addition to the working directory and the temporary directories. They replace
   * those of Codex's configuration. Requires `sandbox: "workspace-write"`.
   */
  readonly writableRoots?: ReadonlyArray<string> | undefined
  /**
   * Working directories in addition to `cwd`: the model learns of them, and every sandbox that can write the working
   * directory can write them.
   */
  readonly additionalDirectories?: ReadonlyArray<string> | undefined
  /**
   * A permission profile of Codex's configuration by its id, for example `:workspace`. Replaces `sandbox`. Nothing counts
   * as protected from the agent under a profile of the user, because Codex does not report what such a profile allows.
   */
  readonly permissionProfile?: string | undefined
  /**
   * When Codex requests approval: `untrusted` for every command, `on-request` not for sandboxed commands, `never` not at
   * all, and `{ granular }` for the kinds that are true.
   */
  readonly approvalMode?: ThreadSettings.ApprovalMode | undefined
  /**
   * Who decides on the approval requests of Codex. `user`: the approval policy. `auto_review`: a model that Codex asks; the
   * approval policy then decides only about the caller's tools, and nothing counts as protected from the agent, because
   * Codex does not report what the reviewer grants. Default: Codex's configuration, which is `user`.
   */
  readonly reviewer?: "user" | "auto_review" | undefined
}

export type ReasoningSummary = "auto" | "concise" | "detailed" | "none"

/** Where the model's web searches look: nowhere, in an index of the provider, or on the web. */
export type WebSearchMode = "disabled" | "cached" | "indexed" | "live"

const decode = Schema.decodeUnknownOption(ThreadSettings.ThreadSettings)
const isApprovalMode = Schema.is(ThreadSettings.ApprovalMode)

/** Settings that Codex reads only when it loads a thread. */
interface LoadOptions {
  readonly baseInstructions?: string | undefined
  readonly provider?: string | undefined
  readonly webSearch?: WebSearchMode | undefined
}

const settingNames = [
  "cwd",
  "model",
  "effort",
  "summary",
  "serviceTier",
  "sandbox",
  "network",
  "writableRoots",
  "additionalDirectories",
  "permissionProfile",
  "approvalMode",
  "reviewer"
] as const satisfies ReadonlyArray<keyof SettingsOptions>

const pickNames = <K extends string>(options: { readonly [P in K]?: unknown }, names: ReadonlyArray<K>) =>
  Object.fromEntries(names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])))

/** Returns only the settings of some options. */
export const pick = (options: SettingsOptions): SettingsOptions => pickNames(options, settingNames)

/** Returns only the settings of the options of a thread. */
export const pickThread = (options: SettingsOptions & LoadOptions): SettingsOptions & LoadOptions =>
  pickNames(options, [...settingNames, "baseInstructions", "provider", "webSearch"])

const oneOf = (name: string, value: string | undefined, values: ReadonlyArray<string>) =>
  value === undefined || values.includes(value) ? undefined : `${name} must be one of ${values.join(", ")}`

/** Returns why the settings are invalid or contradict each other, or `undefined`. */
export const validate = (options: SettingsOptions): string | undefined => {
  const { approvalMode, network, permissionProfile, reviewer, sandbox, summary, writableRoots } = options
  if (permissionProfile !== undefined) {
    const other = (["sandbox", "network", "writableRoots"] as const).find(
      (name) => options[name] !== undefined
    )
    if (other !== undefined) return `permissionProfile replaces ${other}; name only one of them`
  }
  if (network !== undefined && sandbox === undefined)
    return "network requires sandbox: name the sandbox whose commands may or may not use the network"
  if (network === false && sandbox === "danger-full-access")
    return 'network: false requires a sandbox; "danger-full-access" has none'
  if (writableRoots !== undefined && sandbox !== "workspace-write")
    return 'writableRoots requires sandbox: "workspace-write"'
  if (approvalMode !== undefined && !isApprovalMode(approvalMode))
    return "approvalMode must be untrusted, on-request, never or { granular: { … } }"
  return (
    oneOf("sandbox", sandbox, ThreadSettings.Sandbox.literals) ??
    oneOf("summary", summary, ["auto", "concise", "detailed", "none"]) ??
    oneOf("reviewer", reviewer, ["user", "auto_review"])
  )
}

/** The same for the options of a thread. */
export const validateThread = (options: SettingsOptions & LoadOptions): string | undefined =>
  validate(options) ?? oneOf("webSearch", options.webSearch, ["disabled", "cached", "indexed", "live"])

/** Returns the settings after some options, for an engine that applies them as they are. */
export const apply = (
  settings: ThreadSettings.ThreadSettings,
  options: SettingsOptions
): ThreadSettings.ThreadSettings => {
  const { permissionProfile, ...others } = pick(options)
  const { permissionProfile: before, ...kept } = settings
  const profile = permissionProfile === undefined ? before : { id: permissionProfile }
  // A sandbox replaces the profile.
  const isReplaced =
    profile === undefined || (permissionProfile === undefined && others.sandbox !== undefined)
  const applied = { ...kept, ...others, ...(isReplaced ? {} : { permissionProfile: profile }) }
  return Option.getOrElse(decode(applied), () => settings)
}
