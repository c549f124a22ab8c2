/** The parameters of the requests that open a thread, from the options of the thread. Pure. */
import type * as Engine from "../Engine.ts"
import * as Goals from "./Goals.ts"
import { optionalField } from "./Translate.ts"
import * as WireSettings from "./WireSettings.ts"

/** The options of Codex's configuration that a thread sets. */
const config = (options: Engine.EngineThreadOptions): Readonly<Record<string, unknown>> => {
  const { effort, network, sandbox, summary, webSearch, writableRoots } = options
  const own = {
    ...optionalField("model_reasoning_effort", effort),
    ...optionalField("model_reasoning_summary", summary),
    ...optionalField("web_search", webSearch),
    ...(sandbox === "workspace-write"
      ? {
          ...optionalField("sandbox_workspace_write.network_access", network),
          ...optionalField("sandbox_workspace_write.writable_roots", writableRoots)
        }
      : {})
  }
  return { ...Goals.configOf(options), ...own }
}

/**
 * Returns the settings in the request that opens a thread. `cwd` is the directory of the new thread; without it, a stored
 * thread keeps its own, and its additional directories are sent with the first turn.
 */
export const make = (
  options: Engine.EngineThreadOptions,
  cwd: string | undefined
): Readonly<Record<string, unknown>> => ({
  cwd: cwd ?? null,
  sandbox: options.sandbox ?? null,
  approvalPolicy:
    options.approvalMode === undefined ? null : WireSettings.approvalPolicy(options.approvalMode),
  model: options.model ?? null,
  developerInstructions: options.instructions ?? null,
  config: config(options),
  ...optionalField("modelProvider", options.provider),
  ...optionalField("baseInstructions", options.baseInstructions),
  ...optionalField("serviceTier", options.serviceTier),
  ...optionalField("permissions", options.permissionProfile),
  ...optionalField("approvalsReviewer", options.reviewer),
  ...(cwd === undefined || options.additionalDirectories === undefined
    ? {}
    : { runtimeWorkspaceRoots: WireSettings.workspaceRoots(cwd, options.additionalDirectories) })
})
