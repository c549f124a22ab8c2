/** Escapes JSON that is already encoded. */
import { isAscii } from "node:buffer"
import { escapeJson } from "./VisibleText.ts"

/**
 * Escapes line separators, control, bidi and other invisible characters in JSON that is encoded as UTF-8. Returns the same
 * bytes if there is nothing to escape.
 */
export const escapeJsonBytes = (bytes: Uint8Array): Uint8Array => {
  if (isAscii(bytes) && !bytes.includes(0x7f)) return bytes
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  const escaped = escapeJson(text)
  return escaped === text ? bytes : Buffer.from(escaped)
}
