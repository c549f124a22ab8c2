/** Turns: what goes in, what happens meanwhile, what comes out. */
export * from "./domain/Turn.ts"
export * from "./domain/TurnOptions.ts"
