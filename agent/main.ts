#!/usr/bin/env -S MALLOC_ARENA_MAX=2 node --max-semi-space-size=4
// V8 lets garbage gather in 3 x 16 MiB, glibc in an arena per thread: 30 MB of 190 at 20,000 messages/s. Neither can be
// set from inside; `node main.js` works too and takes more memory.
import { program } from './cli/program.ts'

const root = await program(process.argv[2])
await root.parseAsync()
