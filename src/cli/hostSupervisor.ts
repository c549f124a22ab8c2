/**
 * The program of an engine host's supervisor. A program that needs a host starts it in a session of its own, with the settings
 * on stdin, and waits for a report on another descriptor. It is not part of the command line.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { closeSync, readFileSync, writeSync } from "node:fs"
import * as HostSettings from "../host/HostSettings.ts"
import * as Supervisor from "../host/Supervisor.ts"
import * as SupervisorProcess from "../host/SupervisorProcess.ts"
import { OtlpLayer } from "../telemetry/Otlp.ts"

const report = (value: SupervisorProcess.Report): void => {
  try {
    writeSync(SupervisorProcess.reportDescriptor, `${SupervisorProcess.encodeReport(value)}\n`)
    closeSync(SupervisorProcess.reportDescriptor)
  } catch {
    // The program that waited for it has ended.
  }
}

const settings = HostSettings.decode(readFileSync(0, "utf8"))
if (settings === undefined) process.exit(2)

// Only `host stop` and a service manager end a supervisor. The end of a terminal does not.
process.on("SIGHUP", () => {})
NodeRuntime.runMain(Supervisor.runAndReport(settings, report).pipe(Effect.provide(OtlpLayer)), {
  disableErrorReporting: true,
  teardown: (exit) => process.exit(Exit.isSuccess(exit) ? 0 : 1)
})
