/** Reads from the replies of Codex what the sandbox of a thread lets the agent write. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as ThreadAccess from "../../domain/ThreadAccess.ts"
import type * as RealPath from "../../internal/RealPath.ts"
import type { Sandbox } from "../../domain/TurnOptions.ts"
import * as Protocol from "./Protocol.ts"
import * as WireSettings from "./WireSettings.ts"

const decodeSandbox = Schema.decodeUnknownOption(Protocol.ThreadSandbox)

const sandboxes = new Map<string, Sandbox>([
  ["readOnly", "read-only"],
  ["workspaceWrite", "workspace-write"],
  ["dangerFullAccess", "danger-full-access"]
])

/**
 * Returns the access of a thread: the reply that opened it, and the directory and sandbox that a turn set since. A sandbox
 * that this version does not know counts as none.
 */
export const make = (
  opened: Omit<typeof Protocol.ThreadResumed.Type, "thread">,
  {
    cwd = opened.cwd,
    sandbox
  }: { readonly cwd?: string | undefined; readonly sandbox?: Sandbox | undefined },
  tmpdir: string | undefined,
  directory?: (path: string) => RealPath.Directory
): ThreadAccess.ThreadAccess => {
  const decoded = Option.getOrUndefined(decodeSandbox(opened))
  const policy = decoded?.sandbox
  // The sandbox policy of the reply does not describe a permissions profile of the user's configuration.
  const profile = decoded?.activePermissionProfile?.id
  // Codex does not report what its reviewer grants.
  const isDescribed = (profile?.startsWith(":") ?? true) && (opened.approvalsReviewer ?? "user") === "user"
  const reported = isDescribed ? sandboxes.get(policy?.type ?? "") : undefined
  return ThreadAccess.make(cwd, sandbox ?? reported, {
    writableRoots: [...(policy?.writableRoots ?? []), ...(opened.runtimeWorkspaceRoots ?? [])],
    network: policy !== undefined && WireSettings.hasNetwork(policy),
    // A turn that names its sandbox resets these settings of the configuration.
    excludeSlashTmp: sandbox === undefined && policy?.excludeSlashTmp === true,
    excludeTmpdir: (sandbox === undefined && policy?.excludeTmpdirEnvVar === true) || tmpdir === undefined,
    tmpdir,
    directory
  })
}
