/** The script and the style of the page of traces. */
import * as WebAssets from "../internal/WebAssets.ts"

export type PageAssets = WebAssets.WebAssets

/** Reads the script and the style. A program that runs from source bundles them now. */
export const load = WebAssets.load("tracePage")
