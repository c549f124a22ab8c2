/** Whether the long cases run too: `npm run soak` runs them, and the gate runs a smaller case of each. */
export const isSoak = process.env["EFFECT_CODEX_TEST_SOAK"] === "1"
