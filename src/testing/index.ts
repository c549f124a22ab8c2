/**
 * Engines, model servers and assertions for the tests of programs that use Codex.
 *
 * @module effect-codex/testing
 */
export * as Canary from "./Canary.ts"
export * as Captured from "./Captured.ts"
export * as Cassette from "./Cassette.ts"
export * as ConventionCheck from "./ConventionCheck.ts"
export { checkTelemetry } from "../trace/Check.ts"
export * as DurableTest from "./DurableTest.ts"
export * as Golden from "./Golden.ts"
export * as Hostile from "./Hostile.ts"
export * as ModelServer from "./ModelServer.ts"
export * as Scripted from "./Scripted.ts"
export * as Simulation from "./Simulation.ts"
export { TestLayer } from "./TestLayer.ts"
