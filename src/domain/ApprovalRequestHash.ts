/** A hash of the content of a request. Two requests have the same hash if and only if they ask for the same. */
import { canonicalJson } from "../internal/CanonicalJson.ts"
import { createHash } from "node:crypto"
import type { ApprovalRequest } from "./ApprovalRequest.ts"

/**
 * Computes the SHA-256 hash, in hexadecimal, of a request without its ids and the agent's reason. The order of keys does
 * not matter.
 */
export const hash = (request: ApprovalRequest): string => {
  const { id: _id, itemId: _itemId, reason: _reason, ...content } = request
  return createHash("sha256").update(canonicalJson(content)).digest("hex")
}
