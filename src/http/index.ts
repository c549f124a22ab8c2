/**
 * Threads, turns and approvals as a group of an `HttpApi` that an application mounts in its own server.
 *
 * @module effect-codex/http
 */
export {
  Action,
  Authentication,
  Authorization,
  type AuthorizationOptions,
  CurrentUser,
  forbidden,
  Grant,
  type OpenRequest,
  type User
} from "./Access.ts"
export { CodexGroup, type CodexHttpGroup } from "./CodexGroup.ts"
export { handlers } from "./Handlers.ts"
export * as HttpError from "./HttpError.ts"
export * as HttpLimits from "./HttpLimits.ts"
export { ThreadOwners } from "./ThreadOwners.ts"
export { RequestBoundary } from "./RequestBoundary.ts"
export {
  AnswerApprovalRequest,
  InputPart,
  OpenThread,
  ServerSentEvent,
  WaitingApproval,
  StartThreadRequest,
  SteerTurnRequest,
  StartTurnRequest,
  ThreadDetail,
  ThreadSummary
} from "./HttpBodies.ts"
