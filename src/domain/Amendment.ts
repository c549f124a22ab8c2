/** Lasting approvals that Codex offers with a request: amendments of its own policy. */
import * as Schema from "effect/Schema"
import { canonicalJson } from "../internal/CanonicalJson.ts"
import { encodedTag } from "../internal/EncodedTag.ts"

/**
 * A change of Codex's own policy, after which Codex no longer asks. The library neither sees nor can revoke what Codex then
 * runs without a request.
 *
 * - `ExecPolicy`: commands that begin with these words, outside the sandbox, in every thread. Codex stores it in the rules
 *   of its home directory.
 * - `Network`: connections to the host, in every thread. Codex stores it there, too.
 * - `McpTool`: calls of the tool with any arguments. `session` lasts until the thread is unloaded. Codex stores `always` in
 *   the configuration of its home directory.
 * @since 0.1.0
 * @category schemas
 */
export const Amendment = Schema.Union([
  Schema.Struct({ _tag: encodedTag("ExecPolicy", "execPolicy"), prefix: Schema.Array(Schema.String) }),
  Schema.Struct({ _tag: encodedTag("Network", "network"), host: Schema.String }),
  Schema.Struct({ _tag: encodedTag("McpTool", "mcpTool"), lasts: Schema.Literals(["session", "always"]) })
]).pipe(Schema.toTaggedUnion("_tag"))
export type Amendment = typeof Amendment.Type

/** Whether two amendments are exactly the same. */
export const isSame = (a: Amendment, b: Amendment): boolean => canonicalJson(a) === canonicalJson(b)
