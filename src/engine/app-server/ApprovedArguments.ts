/** Checks that Codex runs exactly what was approved. Pure, except that `record` writes to the map it receives. */
import * as ApprovalDecision from "../../domain/ApprovalDecision.ts"
import * as ApprovalRequest from "../../domain/ApprovalRequest.ts"
import * as ShellCommand from "../../internal/ShellCommand.ts"
import type * as Item from "../../domain/Item.ts"
import { createHash } from "node:crypto"
import { canonicalJson } from "../../internal/CanonicalJson.ts"

/** The method name of the event that reports arguments that differ from the approved ones. */
export const violation = "effect-codex/approvedArgumentsChanged"

/** Returns a key of arguments. A hash, because a turn keeps the keys of all that was approved. */
const keyOf = (value: unknown): string => createHash("sha256").update(canonicalJson(value)).digest("base64")

const command = (command: string, cwd: string) => keyOf(["command", ShellCommand.script(command), cwd])

const patch = (changes: ReadonlyArray<Item.Change>) =>
  keyOf(["file_change", changes.map(({ diff, kind, movePath, path }) => ({ diff, kind, movePath, path }))])

const call = (server: string, tool: string, args: unknown) => keyOf(["mcp_tool", server, tool, args ?? {}])

const keyOfRequest = (request: ApprovalRequest.ApprovalRequest): string | undefined => {
  switch (request._tag) {
    case "Command":
      // A request with extra permissions, or for a part of the item's command, does not match its item's arguments.
      return request.extra || request.id !== request.itemId
        ? undefined
        : command(request.command, request.cwd)
    case "FileChange":
      return patch(request.changes)
    case "McpTool":
      return call(request.server, request.tool, request.arguments)
    default:
      return undefined
  }
}

const keyOfItem = (item: Item.Item): string | undefined => {
  switch (item._tag) {
    case "CommandExecution":
      return command(item.command, item.cwd)
    case "FileChange":
      return patch(item.changes)
    case "McpToolCall":
      return call(item.server, item.tool, item.arguments)
    default:
      return undefined
  }
}

/** Whether a request shows the same arguments as its item. */
export const matchesItem = (
  request: ApprovalRequest.ApprovalRequest,
  item: Item.Item | undefined
): boolean => {
  const requestKey = keyOfRequest(request)
  return requestKey === undefined || item === undefined || requestKey === keyOfItem(item)
}

/** Whether an item that starts again has the same arguments as before. */
export const areSame = (before: Item.Item | undefined, item: Item.Item): boolean => {
  const key = before === undefined ? undefined : keyOfItem(before)
  return key === undefined || key === keyOfItem(item)
}

/** Records the arguments of a granted request. */
export const record = (
  approved: Map<string, string>,
  request: ApprovalRequest.ApprovalRequest,
  decision: ApprovalDecision.ApprovalDecision
): void => {
  const key = ApprovalDecision.isGranted(decision) ? keyOfRequest(request) : undefined
  if (key !== undefined) approved.set(request.itemId, key)
}

/** Whether an item has the arguments that were approved for it, if any were. */
export const isAsApproved = (approved: ReadonlyMap<string, string>, item: Item.Item): boolean => {
  const approvedKey = approved.get(item.id)
  if (approvedKey === undefined) return true
  const itemKey = keyOfItem(item)
  return itemKey === undefined || approvedKey === itemKey
}
