/** Spool: records on disk, their delivery and their limits. */
import { inFile, type Mutant } from "./Mutant.ts"

export const spool: ReadonlyArray<Mutant> = [
  ...inFile("src/telemetry/spool/RecordFrame.ts", "test/telemetry/spool/RecordFrame.test.ts", [
    [
      "if (crc32(bytes.subarray(from + checksumFrom, end)) !== bytes.readUInt32LE(from + 8)) {",
      "if (end < from) {",
      "are found after any bytes, and no text imitates one"
    ],
    ["    budget.left -= end - from\n", "", "H18 cost time in proportion to their bytes"],
    [
      "offset = begin === -1 ? bytes.length : begin",
      "offset = bytes.length",
      "are found after any bytes, and no text imitates one"
    ]
  ]),
  ...inFile("src/telemetry/spool/RetryPolicy.ts", "test/telemetry/spool/RetryPolicy.test.ts", [
    [
      "![401, 403,",
      "![403,",
      "keeps the records if it is temporary, and drops the affected record if it is permanent"
    ],
    [
      "if (records > 1 && refused <= maxRefused)",
      "if (records > 1)",
      "that rejects everything does not cause a request per record"
    ],
    [
      "Math.max(1, Math.floor(records / 2))",
      "Math.floor(records / 2)",
      "halves the batch after a timeout, down to one record"
    ],
    [
      'const limit = Math.min(limits.batch, state.limit * 2)\n    return { verdict: "delivered"',
      'const limit = state.limit * 2\n    return { verdict: "delivered"',
      "doubles the batch after each accepted one, up to the configured size"
    ],
    [
      "Math.max(requested, backOff(state.failures, limits, random))",
      "requested",
      "causes a backoff with full jitter that doubles up to the cap"
    ],
    [
      "Math.min(result.retryAfter ?? 0, maxRetryAfter)",
      "(result.retryAfter ?? 0)",
      "with Retry-After delays the next request by at least that long, at most an hour"
    ],
    [
      'result._tag === "NoResponse" && result.timedOut ? half : state.limit',
      "state.limit",
      "halves the batch after a timeout, down to one record"
    ]
  ]),
  ...inFile("src/telemetry/spool/Segment.ts", "test/telemetry/spool/SegmentStore.test.ts", [
    [
      "encodeCursor(candidate).equals(stored) && candidate >= headerBytes",
      "candidate >= headerBytes",
      "with any flipped bit returns all other records"
    ],
    [
      "if (this.descriptor !== undefined) SafeFile.writeAll(this.descriptor, encodeCursor(cursor), cursorOffset)",
      "",
      "returns records in order, and keeps unsettled ones for the next process"
    ]
  ]),
  ...inFile("src/telemetry/spool/SegmentStore.ts", "test/telemetry/spool/SegmentStore.test.ts", [
    [
      "if (found.record.time < oldest) expired++",
      "if (false) expired++",
      "drops records that are too old, waiting or in flight"
    ],
    [
      "while (this.otherBytes + this.size() + bytes > maxBytes)",
      "while (this.size() + bytes > maxBytes)",
      "counts records of other processes, and a dropped batch in flight once"
    ],
    [
      'oldest.waiting - sending, "spool_full"',
      'oldest.waiting, "spool_full"',
      "counts records of other processes, and a dropped batch in flight once"
    ],
    [
      "    segment.waiting -= records.length\n",
      "",
      "returns records in order, and keeps unsettled ones for the next process"
    ],
    [
      "if (first !== undefined && first.kind !== found.record.kind) break",
      "",
      "puts records of one encoding only into a batch"
    ],
    [
      "segment.newest < oldest && segment !== this.sending?.segment",
      "segment.newest < oldest",
      "keeps a batch in flight when its segment expires"
    ],
    [
      "if (segment !== this.segments[0]) continue",
      "",
      "reads the next segment if the oldest one is dropped during the read"
    ]
  ]),
  ...inFile("src/telemetry/spool/OtlpMerge.ts", "test/telemetry/spool/RecordFrame.test.ts", [
    [
      "`${before}\\n${after}`",
      "before",
      "joined in JSON keep the schema URL of each, also below the same resource and scope"
    ]
  ]),
  ...inFile("src/telemetry/spool/OpenSpansFile.ts", "test/telemetry/spool/RecordFrame.test.ts", [
    [
      "number === endTimeField && bytes.readBigUInt64LE(content) < end",
      "number === endTimeField",
      "ends with its process, but never before its own time: protobuf"
    ],
    [
      'end > BigInt(start) ? `"endTimeUnixNano":"${end}"`',
      'true ? `"endTimeUnixNano":"${end}"`',
      "ends with its process, but never before its own time: json"
    ]
  ]),
  ...inFile("src/telemetry/spool/Spool.ts", "test/telemetry/spool/Spool.test.ts", [
    [
      "if (!spool.write(RecordFrame.noSpanId, [record])) direct.onEmit(record)",
      "spool.write(RecordFrame.noSpanId, [record])",
      "F32 with a disk that fails later loses no log record"
    ]
  ]),
  ...inFile("src/telemetry/spool/SpoolSender.ts", "test/telemetry/spool/SegmentStore.test.ts", [
    [
      'if (!store.retain(sent)) options.lost(n, "spool_full")',
      "store.retain(sent)",
      "counts a batch as lost if its segment is dropped while the receiver refuses it"
    ]
  ])
]
