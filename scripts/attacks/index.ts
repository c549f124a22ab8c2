import type { Attack } from "./Attack.ts"
import { mcp } from "./mcp.ts"
import { terminal } from "./terminal.ts"

/** All attacks, by what they attack. */
export const attacks: ReadonlyArray<Attack> = [...terminal, ...mcp]
