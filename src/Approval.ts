/** Who may do what: what the agent asks, what is decided, and the policies that decide. */
export * from "./approval/Audit.ts"
export * from "./approval/Decision.ts"
export { intersect, isEmpty, path, Permissions } from "./approval/Permissions.ts"
export type { Pending } from "./approval/Pending.ts"
export * from "./approval/Policy.ts"
export { type Asks, prompt } from "./approval/Prompt.ts"
export * from "./approval/Queue.ts"
export * from "./approval/Remember.ts"
export {
  CommandExtra,
  CommandRequest,
  describe,
  ElicitationRequest,
  FileChangeRequest,
  type Kind,
  kindOf,
  McpToolRequest,
  PermissionsRequest,
  Question,
  Request,
  ToolRequest,
  UnknownRequest,
  UserInputRequest
} from "./approval/Request.ts"
export { hash } from "./approval/RequestHash.ts"
export { matches, Rule, rules } from "./approval/Rules.ts"
export { timeout } from "./approval/Timeout.ts"
