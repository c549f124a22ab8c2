/** The settings of a thread: what its commands may do, who approves them, and which model works with which effort. */
import * as Schema from "effect/Schema"

/**
 * The kinds of requests that Codex makes; it declines all other kinds without a request. `sandbox` is for commands that
 * need more than the sandbox, `rules` for commands that an execution policy of Codex prompts for, `skills` for scripts of
 * skills, `permissions` for further permissions, and `elicitations` for questions of MCP servers.
 * @since 0.1.0
 * @category schemas
 */
export class GranularApprovals extends Schema.Opaque<GranularApprovals>()(
  Schema.Struct({
    sandbox: Schema.optionalKey(Schema.Boolean),
    rules: Schema.optionalKey(Schema.Boolean),
    skills: Schema.optionalKey(Schema.Boolean),
    permissions: Schema.optionalKey(Schema.Boolean),
    elicitations: Schema.optionalKey(Schema.Boolean)
  })
) {}

/**
 * When Codex requests approval: `untrusted` for every command, `on-request` not for sandboxed commands, `never` not at
 * all, and `granular` for the kinds that are true.
 * @since 0.1.0
 * @category schemas
 */
export const ApprovalMode = Schema.Union([
  Schema.Literals(["untrusted", "on-request", "never"]),
  Schema.Struct({ granular: GranularApprovals })
])
export type ApprovalMode = typeof ApprovalMode.Type

/**
 * A permission profile of Codex's configuration, and the profile that it extends.
 * @since 0.1.0
 * @category schemas
 */
export class PermissionProfile extends Schema.Opaque<PermissionProfile>()(
  Schema.Struct({ id: Schema.String, extends: Schema.optionalKey(Schema.String) })
) {}

/**
 * What commands may access without approval.
 * @since 0.1.0
 * @category schemas
 */
export const Sandbox = Schema.Literals(["read-only", "workspace-write", "danger-full-access"])
export type Sandbox = typeof Sandbox.Type

/**
 * The settings that Codex reports as being in force on a thread. Absent fields are unknown or unset.
 * @since 0.1.0
 * @category schemas
 */
export class ThreadSettings extends Schema.Opaque<ThreadSettings>()(
  Schema.Struct({
    cwd: Schema.String,
    model: Schema.optionalKey(Schema.String),
    provider: Schema.optionalKey(Schema.String),
    effort: Schema.optionalKey(Schema.String),
    summary: Schema.optionalKey(Schema.String),
    serviceTier: Schema.optionalKey(Schema.String),
    sandbox: Schema.optionalKey(Sandbox),
    /** Whether sandboxed commands can use the network. */
    network: Schema.optionalKey(Schema.Boolean),
    /** The directories that sandboxed commands can write, in addition to the working and the temporary directories. */
    writableRoots: Schema.Array(Schema.String),
    /** The working directories of the thread in addition to `cwd`. */
    additionalDirectories: Schema.Array(Schema.String),
    approvalMode: Schema.optionalKey(ApprovalMode),
    /** Who decides on approval requests: `user` is the policy of this library, `auto_review` a reviewer of Codex. */
    reviewer: Schema.optionalKey(Schema.String),
    permissionProfile: Schema.optionalKey(PermissionProfile)
  })
) {}
