/** Approvals: requests of the agent, decisions about them, and the policies that decide. */
export * from "./approval/ApprovalAudit.ts"
export { Amendment } from "./domain/Amendment.ts"
export * from "./domain/ApprovalDecision.ts"
export { intersect, isEmpty, Permissions } from "./domain/Permissions.ts"
export type { Pending } from "./approval/PendingRequests.ts"
export * from "./approval/Policy.ts"
export { type PromptOptions, type PromptServices, prompt, promptOptions } from "./approval/TerminalPrompt.ts"
export * from "./approval/ApprovalQueue.ts"
export { type RequestEquivalence, sameCommand, sameDirectory } from "./approval/RequestEquivalence.ts"
export {
  type Grants,
  grants,
  HeldByCodex,
  NotGranted,
  remember,
  type RememberOptions,
  type SessionGrant
} from "./approval/SessionGrants.ts"
export {
  CommandExtra,
  CommandRequest,
  ElicitationRequest,
  FileChangeRequest,
  type ApprovalKind,
  kindOf,
  McpToolRequest,
  PermissionsRequest,
  Question,
  requestKind,
  RequestKind,
  ApprovalRequest,
  ResolvedPath,
  ResolvedPaths,
  ToolRequest,
  UnknownRequest,
  UserInputRequest
} from "./domain/ApprovalRequest.ts"
export {
  describe,
  render,
  type RenderedRequest,
  type RenderOptions,
  summarize
} from "./approval/RequestText.ts"
export { matches, ApprovalRule, type DecidingRule, rules } from "./approval/Rules.ts"
export { timeout } from "./approval/Timeout.ts"
