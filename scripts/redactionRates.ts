/** Prints how many shapes of the corpus redaction masks, and how many ordinary lines it changes: `[SEED…]` */
import { unreachable } from "../test/support/secretCorpus/collected.ts"
import { heldOut } from "../test/support/secretCorpus/heldOut.ts"
import { changedLines, missed } from "../test/support/secretCorpus/measure.ts"
import { shapes } from "../test/support/secretCorpus/shapes.ts"

const seeds = process.argv.slice(2).map(Number)
for (const seed of seeds.length === 0 ? [1] : seeds) {
  const written = shapes.length - missed(shapes, seed).length
  // The titles stay hidden: a pattern that is written for one of them would end the independence of the set.
  const held = heldOut.length - missed(heldOut, seed).length
  const rate = (((written + held) / (shapes.length + unreachable.length + heldOut.length)) * 100).toFixed(1)
  console.log(
    `seed ${seed}: ${written} of ${shapes.length} shapes, ${held} of ${heldOut.length} held out, ${rate} % in all; ` +
      `${changedLines(seed).length} of 10,000 ordinary lines changed`
  )
}
