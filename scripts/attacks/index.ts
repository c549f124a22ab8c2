import { amendments } from "./amendments.ts"
import type { Attack } from "./Attack.ts"
import { hostFiles } from "./hostFiles.ts"
import { local } from "./local.ts"
import { mcp } from "./mcp.ts"
import { memory } from "./memory.ts"
import { paths } from "./paths.ts"
import { secrets } from "./secrets.ts"
import { serve } from "./serve.ts"
import { terminal } from "./terminal.ts"

/** All attacks, by what they attack. */
export const attacks: ReadonlyArray<Attack> = [
  ...hostFiles,
  ...local,
  ...terminal,
  ...mcp,
  ...amendments,
  ...paths,
  ...secrets,
  ...memory,
  ...serve
]
