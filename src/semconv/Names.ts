/** The one span that an engine opens itself; every other name stands in `telemetry/Convention.ts`, which has it too. */
export const engineStart = "codex.engine.start"
