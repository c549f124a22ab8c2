/** A name for what is asked: two requests have the same one exactly when they ask the same. */
import { createHash } from "node:crypto"
import type { ApprovalRequest } from "./ApprovalRequest.ts"

/** JSON with the keys in order, so that it says the same whoever wrote it. */
export const canonicalJson = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`)
    return `{${fields.join(",")}}`
  }
  return typeof value === "bigint" ? `${value}n` : (JSON.stringify(value) ?? "null")
}

/**
 * SHA-256, in hexadecimal, of what a request asks: everything but its ids and the agent's reason. Does not depend on the
 * order of keys.
 */
export const hash = (request: ApprovalRequest): string => {
  const { id: _id, itemId: _itemId, reason: _reason, ...asked } = request
  return createHash("sha256").update(canonicalJson(asked)).digest("hex")
}
