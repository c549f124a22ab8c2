/** Which turns are recorded, and which share of the traces. */
export * from "./instrumentation/Sampling.ts"
export { make } from "./telemetry/tracer/HeadSampler.ts"
