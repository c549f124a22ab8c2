/** Attachments: opening, copying, naming and keeping files. */
import { inFile, type Mutant } from "./Mutant.ts"

export const attachments: ReadonlyArray<Mutant> = [
  ...inFile("src/attachment/AttachmentStore.ts", "test/attachment/Attachments.test.ts", [
    [
      "entry.holds === 0 && entry.keepUntil <= now",
      "entry.holds === 0",
      "is deleted by an explicit cleanup unless it is in use"
    ],
    ["        entry.holds--\n", "", "stays while its scope is open, even after its time to live"],
    [
      "entry.keepUntil = Math.max(entry.keepUntil, until)",
      "entry.keepUntil = until",
      "keeps the longest time to live it was given"
    ],
    [
      ".filter((entry) => entry.holds === 0)))",
      "))",
      "is deleted by an explicit cleanup unless it is in use"
    ],
    [
      "(path) => fs.remove(path, { force: true })",
      "() => Effect.void",
      "is stored once under any number of names, until the last one is released"
    ]
  ]),
  ...inFile("src/attachment/AttachmentStore.ts", "test/attachment/AttachmentStore.test.ts", [
    [
      "if (found.sha256 === file.sha256 && found.size === file.size) return",
      "if (found.size === file.size) return",
      "is never the source of another name, and its release removes no other file"
    ]
  ]),
  ...inFile("src/attachment/AttachmentStore.ts", "test/attachment/StagingDirectory.test.ts", [
    ['(state === "gone" ? [path] : [])', "[path]", "keep unknown files and directories with an unknown owner"]
  ]),
  ...inFile("src/attachment/AttachmentStore.ts", "test/attachment/SourceFile.test.ts", [
    [
      "Effect.tap(({ size }) => check(size))",
      "Effect.tap(() => Effect.void)",
      "F37 F38 is rejected as changed if it grows, shrinks or is written to during staging"
    ]
  ]),
  ...inFile("src/attachment/Attachments.ts", "test/attachment/Attachments.test.ts", [
    [
      "if (staged.length === 0) return effect",
      "return effect",
      "that is missing is rejected before the turn starts"
    ]
  ]),
  ...inFile("src/attachment/HashedCopy.ts", "test/attachment/AttachmentStore.test.ts", [
    [
      "mode: 0o600 }), () => fs.chmod(path, 0o600))",
      "mode: 0o644 }), () => Effect.void)",
      "with EIO: i at chmod 4 causes a rejection and no leftover file"
    ]
  ]),
  ...inFile("src/attachment/HashedCopy.ts", "test/attachment/SourceFile.test.ts", [
    [
      "if (size > limits.maxBytes)",
      "if (false)",
      "F37 is rejected if it is too large, by its reported size or by its content"
    ],
    [
      "limits.mediaTypes === undefined || MediaType.isAllowed(mediaType, limits.mediaTypes)",
      "true",
      "of a type that is not allowed is rejected by its content, not by its name"
    ]
  ]),
  ...inFile("src/attachment/SourceFile.ts", "test/attachment/SourceFile.test.ts", [
    [
      "if (stats.size > BigInt(limits.maxBytes))",
      "if (stats.size >= BigInt(limits.maxBytes))",
      "F37 may have up to 20 MiB by default"
    ],
    [
      'if (process.platform !== "win32" && /^\\/(?:proc|sys|dev)(?:\\/|$)/.test(file))',
      "if (false)",
      "F37 is rejected before a byte is read if it is not a regular file, and nothing is staged"
    ],
    [
      'if (!stats.isFile()) return Effect.fail(rejected("NotAFile", `it is ${kind(stats)}`))',
      "",
      "F37 is rejected before a byte is read if it is not a regular file, and nothing is staged"
    ],
    [
      'inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside)',
      'inside === ".." || isAbsolute(inside)',
      "F37 may be inside a root that is itself a link"
    ],
    [
      "if (stats.isSymbolicLink()) return yield*",
      "if (false) return yield*",
      "F37 must be inside the root if one is set, not through a link or .."
    ],
    [
      "if (now.mtimeNs === stats.mtimeNs && now.size === stats.size && now.size === BigInt(read)) return",
      "return",
      "F37 F38 is rejected as changed if it grows, shrinks or is written to during staging"
    ],
    ["handle.close().catch(() => {})", "Promise.resolve()", "is closed with its scope"]
  ]),
  ...inFile("src/attachment/SourceFile.ts", "test/attachment/SourceSwap.test.ts", [
    [
      "stats.ino !== named.ino || stats.dev !== named.dev",
      "false",
      "F38 is refused when another file takes its place"
    ],
    [
      "(constants.O_NOFOLLOW ?? 0) | ",
      "",
      "F38 is refused as a symbolic link when a link takes its place, even one to the same file"
    ]
  ]),
  ...inFile("src/attachment/StagingDirectory.ts", "test/attachment/StagingDirectory.test.ts", [
    [
      "owner === undefined && name !== damaged",
      "false",
      "names only directories with an owner and damaged files: no other name, file or link"
    ],
    [
      'if (stats?.type !== "Directory") continue',
      "",
      "names only directories with an owner and damaged files: no other name, file or link"
    ]
  ]),
  ...inFile("src/internal/FileName.ts", "test/internal/FileName.test.ts", [
    ['.replace(hidden, "")', "", "F37 is predictable for common hostile names"],
    [
      "if (size > limit) break",
      "if (size > limit + 1) break",
      "F37 of 300 bytes is cut between characters and keeps its extension"
    ],
    [".split(/[/\\\\]/)", '.split("/")', "F37 is predictable for common hostile names"],
    [
      '.replace(/^-+/, (dashes) => "_".repeat(dashes.length))',
      "",
      "F37 is predictable for common hostile names"
    ],
    ['return name === "" ? undefined : name', "return name", "F37 is predictable for common hostile names"],
    [
      'name.replace(/[.\\s]+$/u, "")',
      'name.replace(/\\s+$/u, "")',
      "F37 is predictable for common hostile names"
    ],
    [
      'name.replace(/[^\\p{L}\\p{M}\\p{N}._+@=-]/gu, "_")',
      'name.replace(/\\s/gu, "_")',
      "F37 F39 is safe to show, store and pass on, for any given name"
    ]
  ]),
  ...inFile("src/internal/MediaType.ts", "test/internal/FileName.test.ts", [
    [' && ascii(head, 8, 12) === "WEBP"', "", "is an image type only by content, never by name"],
    [
      "image(head) ??\n  byName[FileName.extension(name).toLowerCase()] ??",
      "byName[FileName.extension(name).toLowerCase()] ??\n  image(head) ??",
      "is an image type only by content, never by name"
    ],
    [
      ".extension(name).toLowerCase()",
      ".extension(name)",
      "comes from the name, or otherwise from whether the content is text"
    ],
    ["if (head.includes(0)) return false", "", "is an image type only by content, never by name"],
    ["{ stream: true }", "{}", "comes from the name, or otherwise from whether the content is text"],
    [
      "mediaType.startsWith(pattern.slice(0, -1))",
      "mediaType.startsWith(pattern.slice(0, -2))",
      "is allowed by exact type, by family, or always"
    ]
  ]),
  ...inFile("src/internal/ProcessIdentity.ts", "test/attachment/StagingDirectory.test.ts", [
    [
      "(yield* startedAt(owner.pid)) === owner.started",
      "isRunning(owner.pid)",
      "is dead when its process is gone, even if another process has its pid, and otherwise alive"
    ],
    [
      'if (owner.namespace !== me.namespace) return "elsewhere"',
      "",
      "is dead when its process is gone, even if another process has its pid, and otherwise alive"
    ]
  ])
]
