import * as Effect from "effect/Effect"
import * as S from "/work/main/src/testing/Simulation.ts"
const seeds = process.argv.slice(2).map(Number)
const t=performance.now()
for (const seed of seeds) {
const r = await Effect.runPromise(S.run({seed, threads: 8}))
console.log(seed, r.trace, r.turns, r.endings, r.violations.length)
if (r.violations.length) { console.log(S.describe(r)); break }
}
console.log(performance.now()-t)
