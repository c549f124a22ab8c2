import type { Mutant } from "./Mutant.ts"
import { ai } from "./ai.ts"
import { approval } from "./approval.ts"
import { attachments } from "./attachments.ts"
import { cli } from "./cli.ts"
import { connection } from "./connection.ts"
import { durable } from "./durable.ts"
import { durableStore } from "./durableStore.ts"
import { engine } from "./engine.ts"
import { host } from "./host.ts"
import { http } from "./http.ts"
import { lifecycle } from "./lifecycle.ts"
import { metrics } from "./metrics.ts"
import { pages } from "./pages.ts"
import { redaction } from "./redaction.ts"
import { security } from "./security.ts"
import { serve } from "./serve.ts"
import { spool } from "./spool.ts"
import { traces } from "./traces.ts"

/** All mutants, by the part of the code that they change. */
export const mutants: ReadonlyArray<Mutant> = [
  ...approval,
  ...redaction,
  ...lifecycle,
  ...connection,
  ...engine,
  ...durable,
  ...durableStore,
  ...spool,
  ...security,
  ...metrics,
  ...attachments,
  ...cli,
  ...host,
  ...http,
  ...pages,
  ...serve,
  ...ai,
  ...traces
]
