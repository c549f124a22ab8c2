import { unknownTool } from "./Convention.ts"

/** The name of a tool as it may be told: a model may ask for one that does not exist, by any words it likes. */
export const safe = (name: string): string => (/^[\w.-]{1,64}$/.test(name) ? name : unknownTool)
