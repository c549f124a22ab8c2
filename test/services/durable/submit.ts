/** Submits the durable turn of `DurableTrace.test.ts` from a process of its own, which ends at once. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Durable } from "../../../src/durable/Durable.ts"
import { OtlpLayer } from "../../../src/telemetry/Otlp.ts"

const [, , path = "", cwd = ""] = process.argv

NodeRuntime.runMain(
  Durable.use((durable) =>
    durable.submit("do it", {
      key: "k1",
      cwd,
      sandbox: "workspace-write",
      approvalMode: "on-request",
      user: "ada@example.com",
      team: "payments"
    })
  ).pipe(Effect.provide(Durable.layerSqlite({ path }).pipe(Layer.provideMerge(OtlpLayer))))
)
