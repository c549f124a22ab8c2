/** All set-ups, in the order of the table. */
import { configuration } from "./configuration.ts"
import type { FailureGroup } from "./Failure.ts"
import { home } from "./home.ts"
import { installation } from "./installation.ts"
import { network, provider } from "./provider.ts"
import { turn } from "./turn.ts"

export const groups: ReadonlyArray<FailureGroup> = [
  installation,
  home,
  configuration,
  network,
  provider,
  turn
]
