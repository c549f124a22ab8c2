/** A name for what is asked: two requests have the same one exactly when they ask the same. */
import { canonicalJson } from "../internal/CanonicalJson.ts"
import { createHash } from "node:crypto"
import type { ApprovalRequest } from "./ApprovalRequest.ts"

/**
 * SHA-256, in hexadecimal, of what a request asks: everything but its ids and the agent's reason. Does not depend on the
 * order of keys.
 */
export const hash = (request: ApprovalRequest): string => {
  const { id: _id, itemId: _itemId, reason: _reason, ...asked } = request
  return createHash("sha256").update(canonicalJson(asked)).digest("hex")
}
