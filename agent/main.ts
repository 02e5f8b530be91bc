#!/usr/bin/env -S MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=32768 node --max-semi-space-size=4
// At 20,000 messages/s V8 lets garbage gather in 3 x 16 MiB and glibc in an arena per thread (30 MB), and chunks of history
// of 40 to 80 kB leave holes in its heap that no page is given back from (50 MB), unless they are mapped one by one. None
// of this can be set from inside; `node main.js` works too and takes more memory.
import { program } from './cli/program.ts'

const root = await program(process.argv[2])
await root.parseAsync()
