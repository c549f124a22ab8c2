/** Shapes that the patterns are not written for. Never change a pattern because of one of them. */
import type { Shape } from "./Shape.ts"

export const heldOut: ReadonlyArray<Shape> = []
