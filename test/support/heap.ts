/** Measures the heap after a full garbage collection. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Collects garbage and returns the used heap in bytes. */
export const heapUsed = (): number => {
  setFlagsFromString("--expose-gc")
  runInNewContext("gc")()
  return process.memoryUsage().heapUsed
}
