/** The settings of a thread in Codex's format: what Codex reports, and what a turn sends to change it. Pure. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { SettingsOptions } from "../../domain/SettingsOptions.ts"
import type * as TurnOptions from "../../domain/TurnOptions.ts"
import type * as ThreadSettings from "../../domain/ThreadSettings.ts"
import { canonicalJson } from "../../internal/CanonicalJson.ts"
import * as Protocol from "./Protocol.ts"
import { optionalField } from "./Translate.ts"

/** The settings of a thread, as the reply that opens it reports them. The reply does not contain `summary`. */
export type Reported = Omit<typeof Protocol.ThreadResumed.Type, "thread"> & { readonly summary?: string }

/** Parameters of `turn/start` and `thread/settings/update` that change the settings of a thread. */
export interface SettingsChange {
  readonly cwd?: string
  readonly model?: string
  readonly effort?: string
  readonly summary?: string
  /** `null` removes the tier. */
  readonly serviceTier?: string | null
  readonly approvalPolicy?: unknown
  readonly approvalsReviewer?: string
  readonly sandboxPolicy?: unknown
  readonly permissions?: string
  readonly runtimeWorkspaceRoots?: ReadonlyArray<string>
  readonly collaborationMode?: CollaborationMode
}

/** The mode of a thread. Codex takes the model and the effort from it instead of from the other parameters. */
interface CollaborationMode {
  readonly mode: string
  readonly settings: {
    readonly model: string
    readonly reasoning_effort: string | null
    /** `null` stands for Codex's own instructions for the mode. */
    readonly developer_instructions: null
  }
}

const inMode = (mode: string, { model, reasoningEffort }: Reported): CollaborationMode => ({
  mode,
  settings: { model, reasoning_effort: reasoningEffort ?? null, developer_instructions: null }
})

const decodeUpdate = Schema.decodeUnknownOption(Protocol.threadNotifications["thread/settings/updated"])
const decodeSandbox = Schema.decodeUnknownOption(Protocol.SandboxPolicy)
const decodeProfile = Schema.decodeUnknownOption(Protocol.PermissionProfileRef)
const decodeConfig = Schema.decodeUnknownOption(Protocol.ConfigRead)
const decodeApprovals = Schema.decodeUnknownOption(Protocol.ThreadApprovals)

export const fromOpened = (opened: typeof Protocol.ThreadResumed.Type): Reported => opened

/** Reads the notification `thread/settings/updated`. `known` returns the last report on a thread. */
export const fromUpdate = (
  params: unknown,
  known: (threadId: string) => Reported | undefined
): { readonly threadId: string; readonly settings: Reported } | undefined =>
  Option.getOrUndefined(
    Option.map(decodeUpdate(params), ({ threadId, threadSettings }) => {
      const { effort, sandboxPolicy, summary, ...rest } = threadSettings
      const { runtimeWorkspaceRoots } = known(threadId) ?? {}
      return {
        threadId,
        settings: {
          ...rest,
          sandbox: sandboxPolicy,
          reasoningEffort: effort ?? null,
          ...optionalField("summary", summary),
          // The notification does not contain them.
          ...optionalField("runtimeWorkspaceRoots", runtimeWorkspaceRoots)
        }
      }
    })
  )

/** Returns the settings after a change that Codex accepts: the same object if nothing changes, as for most turns. */
export const applyChange = (settings: Reported, change: SettingsChange): Reported =>
  Object.keys(change).length === 0 ? settings : changed(settings, change)

const changed = (settings: Reported, change: SettingsChange): Reported => ({
  ...settings,
  ...optionalField("cwd", change.cwd),
  ...optionalField("model", change.model),
  ...optionalField("reasoningEffort", change.effort),
  ...optionalField("summary", change.summary),
  ...("serviceTier" in change ? { serviceTier: change.serviceTier } : {}),
  ...optionalField("approvalPolicy", change.approvalPolicy),
  ...optionalField("approvalsReviewer", change.approvalsReviewer),
  ...(change.sandboxPolicy === undefined
    ? {}
    : { sandbox: change.sandboxPolicy, activePermissionProfile: null }),
  ...(change.permissions === undefined ? {} : { activePermissionProfile: { id: change.permissions } }),
  ...optionalField(
    "runtimeWorkspaceRoots",
    // The working directories follow `cwd`.
    change.runtimeWorkspaceRoots ??
      settings.runtimeWorkspaceRoots?.map((root) => (root === settings.cwd ? (change.cwd ?? root) : root))
  ),
  ...optionalField("collaborationMode", change.collaborationMode)
})

/** Returns the id of the permission profile that is in force. */
const profileOf = ({ activePermissionProfile }: Reported) =>
  Option.getOrUndefined(decodeProfile(activePermissionProfile))

/**
 * Returns the change that puts all these settings in force, whatever is in force before. A thread whose mode is unknown is
 * in the default mode unless another handle has changed it, in `others`.
 */
export const restore = (settings: Reported, others?: Reported): SettingsChange => {
  const profile = profileOf(settings)
  const mode = settings.collaborationMode?.mode ?? (others?.collaborationMode ? "default" : undefined)
  return {
    cwd: settings.cwd,
    model: settings.model,
    ...optionalField("effort", settings.reasoningEffort),
    ...optionalField("summary", settings.summary),
    serviceTier: settings.serviceTier ?? null,
    ...optionalField("approvalPolicy", settings.approvalPolicy),
    ...optionalField("approvalsReviewer", settings.approvalsReviewer),
    ...(profile === undefined
      ? optionalField("sandboxPolicy", settings.sandbox)
      : { permissions: profile.id }),
    ...optionalField("runtimeWorkspaceRoots", settings.runtimeWorkspaceRoots),
    ...optionalField("collaborationMode", mode === undefined ? undefined : inMode(mode, settings))
  }
}

/** Whether the settings in a reply contain what the request of the reply asked for. The reply does not contain `summary`. */
export const isApplied = (reported: Reported, requested: SettingsChange): boolean => {
  const { effort, runtimeWorkspaceRoots = [], sandboxPolicy, serviceTier } = requested
  const wantedPolicy = Option.getOrUndefined(decodeSandbox(sandboxPolicy))
  const policy = Option.getOrUndefined(decodeSandbox(reported.sandbox))
  return (
    difference(reported, applyChange(reported, requested)) === undefined &&
    (effort === undefined || effort === reported.reasoningEffort) &&
    (serviceTier === undefined || serviceTier === (reported.serviceTier ?? null)) &&
    isSubset(wantedPolicy?.writableRoots ?? [], [...(policy?.writableRoots ?? []), reported.cwd]) &&
    isSubset(runtimeWorkspaceRoots, reported.runtimeWorkspaceRoots ?? [])
  )
}

const isSubset = (part: ReadonlyArray<string>, whole: ReadonlyArray<string>): boolean =>
  part.every((member) => whole.includes(member))

/** Whether the settings are the same in all that a turn can change. */
export const isSame = (a: Reported, b: Reported): boolean =>
  canonicalJson(restore(a)) === canonicalJson(restore(b))

const sandboxTypes = {
  "read-only": "readOnly",
  "workspace-write": "workspaceWrite",
  "danger-full-access": "dangerFullAccess"
}

/** Returns the working directories of a thread. */
export const workspaceRoots = (cwd: string, additional: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...new Set([cwd, ...additional])
]

/** Encodes an approval mode. */
export const approvalPolicy = (mode: ThreadSettings.ApprovalMode): unknown =>
  typeof mode === "string"
    ? mode
    : {
        granular: {
          sandbox_approval: mode.granular.sandbox ?? false,
          rules: mode.granular.rules ?? false,
          skill_approval: mode.granular.skills ?? false,
          request_permissions: mode.granular.permissions ?? false,
          mcp_elicitations: mode.granular.elicitations ?? false
        }
      }

const sandboxPolicy = ({ network, sandbox, writableRoots }: SettingsOptions): unknown =>
  sandbox === undefined
    ? undefined
    : {
        type: sandboxTypes[sandbox],
        ...optionalField("networkAccess", sandbox === "danger-full-access" ? undefined : network),
        ...optionalField("writableRoots", writableRoots)
      }

/** Completes the sandbox `workspace-write` with the reply to `config/read`, as Codex does when it loads a thread. */
export const withConfiguredSandbox = (policy: unknown, reply: Option.Option<unknown>): unknown => {
  const { sandbox_workspace_write: configured } =
    Option.getOrUndefined(Option.flatMap(reply, decodeConfig))?.config ?? {}
  return {
    ...optionalField("writableRoots", configured?.writable_roots),
    ...optionalField("networkAccess", configured?.network_access),
    ...optionalField("excludeTmpdirEnvVar", configured?.exclude_tmpdir_env_var),
    ...optionalField("excludeSlashTmp", configured?.exclude_slash_tmp),
    ...Object.assign({}, policy)
  }
}

/** Returns the summary of reasoning that the configuration names, from the reply to `config/read`. */
export const configuredSummary = (reply: Option.Option<unknown>): string | undefined =>
  Option.getOrUndefined(Option.flatMap(reply, decodeConfig))?.config.model_reasoning_summary ?? undefined

/**
 * Keeps the temporary directories that the configuration protects: a sandbox that a turn names would make them writable
 * again.
 */
export const keepExclusions = (change: SettingsChange, settings: Reported): SettingsChange => {
  if (change.sandboxPolicy === undefined) return change
  const next = Option.getOrUndefined(decodeSandbox(change.sandboxPolicy))
  const before = Option.getOrUndefined(decodeSandbox(settings.sandbox))
  if (next?.type !== "workspaceWrite" || before?.type !== "workspaceWrite") return change
  const sandboxPolicy = {
    ...(before.excludeSlashTmp === true ? { excludeSlashTmp: true } : {}),
    ...(before.excludeTmpdirEnvVar === true ? { excludeTmpdirEnvVar: true } : {}),
    ...Object.assign({}, change.sandboxPolicy)
  }
  return { ...change, sandboxPolicy }
}

/** Encodes the options that change the settings of a thread. `cwd` is the directory of the thread before. */
export const fromOptions = (options: SettingsOptions, cwd: string): SettingsChange => ({
  ...optionalField("model", options.model),
  ...optionalField("effort", options.effort),
  ...optionalField("summary", options.summary),
  ...optionalField("serviceTier", options.serviceTier),
  ...optionalField("cwd", options.cwd),
  ...optionalField("sandboxPolicy", sandboxPolicy(options)),
  ...optionalField("permissions", options.permissionProfile),
  ...optionalField(
    "approvalPolicy",
    options.approvalMode === undefined ? undefined : approvalPolicy(options.approvalMode)
  ),
  ...optionalField("approvalsReviewer", options.reviewer),
  ...(options.additionalDirectories === undefined
    ? {}
    : { runtimeWorkspaceRoots: workspaceRoots(options.cwd ?? cwd, options.additionalDirectories) })
})

/** Adds a mode to a change of these settings, unless the thread is in this mode. */
export const withMode = (
  change: SettingsChange,
  mode: TurnOptions.Mode | undefined,
  settings: Reported
): SettingsChange =>
  mode === undefined || settings.collaborationMode?.mode === mode
    ? change
    : { ...change, collaborationMode: inMode(mode, applyChange(settings, change)) }

interface Difference {
  readonly setting: string
  readonly wanted: string
  readonly actual: string
}

/** Returns the first setting that Codex does not report as it was requested, if there is one. */
export const difference = (actual: Reported, wanted: Reported): Difference | undefined => {
  const compared = (settings: Reported): ReadonlyArray<readonly [setting: string, value: unknown]> => {
    const { approvalPolicy, approvalsReviewer, model } = settings
    const sandbox = Option.getOrUndefined(decodeSandbox(settings.sandbox))
    return [
      ["permission profile", profileOf(settings)?.id],
      ["sandbox", sandbox?.type],
      ["network access", sandbox?.networkAccess ?? undefined],
      ["approval policy", approvalPolicy ?? undefined],
      ["approvals reviewer", approvalsReviewer ?? undefined],
      ["model", model],
      ["mode", settings.collaborationMode?.mode]
    ]
  }
  const reported = new Map(compared(actual))
  const differing = compared(wanted).find(([setting, value]) => {
    if (value === undefined) return false
    // The profile decides about the sandbox.
    if (profileOf(wanted) !== undefined && /sandbox|network/.test(setting)) return false
    return canonicalJson(value) !== canonicalJson(reported.get(setting))
  })
  if (differing === undefined) return undefined
  const [setting, value] = differing
  return { setting, wanted: JSON.stringify(value), actual: JSON.stringify(reported.get(setting) ?? null) }
}

const sandboxes = new Map<string, NonNullable<ThreadSettings.ThreadSettings["sandbox"]>>([
  ["readOnly", "read-only"],
  ["workspaceWrite", "workspace-write"],
  ["dangerFullAccess", "danger-full-access"]
])

const toApprovalMode = (
  policy: (typeof Protocol.ThreadApprovals.Type)["approvalPolicy"]
): ThreadSettings.ApprovalMode =>
  typeof policy === "string"
    ? policy
    : {
        granular: {
          sandbox: policy.granular.sandbox_approval,
          rules: policy.granular.rules,
          skills: policy.granular.skill_approval ?? false,
          permissions: policy.granular.request_permissions ?? false,
          elicitations: policy.granular.mcp_elicitations
        }
      }

/** Whether a sandbox lets commands use the network. */
export const hasNetwork = ({ networkAccess, type }: typeof Protocol.SandboxPolicy.Type): boolean =>
  type === "dangerFullAccess" || networkAccess === true || networkAccess === "enabled"

/** Decodes the settings that Codex reports. */
export const toThreadSettings = (settings: Reported): ThreadSettings.ThreadSettings => {
  const policy = Option.getOrUndefined(decodeSandbox(settings.sandbox))
  const approvals = Option.getOrUndefined(decodeApprovals(settings))
  const profile = profileOf(settings)
  return {
    cwd: settings.cwd,
    model: settings.model,
    ...optionalField("provider", settings.modelProvider),
    ...optionalField("effort", settings.reasoningEffort),
    ...optionalField("summary", settings.summary),
    ...optionalField("serviceTier", settings.serviceTier),
    ...optionalField("sandbox", sandboxes.get(policy?.type ?? "")),
    ...optionalField("network", policy === undefined ? undefined : hasNetwork(policy)),
    writableRoots: policy?.writableRoots ?? [],
    additionalDirectories: (settings.runtimeWorkspaceRoots ?? []).filter((root) => root !== settings.cwd),
    ...optionalField(
      "approvalMode",
      approvals === undefined ? undefined : toApprovalMode(approvals.approvalPolicy)
    ),
    ...optionalField("reviewer", settings.approvalsReviewer),
    ...optionalField(
      "permissionProfile",
      profile === undefined ? undefined : { id: profile.id, ...optionalField("extends", profile.extends) }
    )
  }
}
