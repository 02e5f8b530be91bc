#!/usr/bin/env node
import { program } from './cli/program.ts'

const root = await program(process.argv[2])
await root.parseAsync()
