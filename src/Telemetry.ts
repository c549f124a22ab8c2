/** Observers of telemetry signals. */
export { layerObserver, type SignalBus, type SignalEvent } from "./instrumentation/SignalBus.ts"
