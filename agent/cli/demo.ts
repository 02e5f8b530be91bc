import { rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import type { AlarmTransition } from '../alarms/contract.ts'
import { loadConfigFile } from '../config/load.ts'
import { fastMotionClock, sleep, systemClock } from '../core/clock.ts'
import { createLogger } from '../core/logger.ts'
import { seededPrng } from '../core/prng.ts'
import { Agent } from '../pipeline.ts'
import { type DemoBroker, startBroker } from './demo-broker.ts'
import { demoConfig } from './demo-config.ts'
import { startPump } from './demo-pump.ts'
import { DemoView } from './demo-view.ts'
import { action, EXIT, paint, print } from './shared.ts'
import { stopSignal } from './signals.ts'
import { VERSION } from './version.ts'

const VIEW_MS = 100

interface DemoOptions {
  exitAfterAlarm?: boolean
  seed: number
  speed: number
  timeout: number
  verbose?: boolean
}

export function demoCommand(): Command {
  return new Command('demo')
    .description('the whole agent against a built-in broker and a simulated pump that fails, in fast motion')
    .option('--exit-after-alarm', 'end once the alarm was delivered: code 0, or 1 when none came in time')
    .option('--seed <N>', 'seed of the simulated pump', positive, 1)
    .option('--speed <N>', 'times real time', positive, 200)
    .option('--timeout <SECONDS>', 'with --exit-after-alarm: how long to wait for it', positive, 120)
    .option('--verbose', 'show the log of the agent too')
    .action(action(runDemo))
}

function positive(text: string): number {
  const value = Number(text)
  if (value > 0 && value <= 1e9) return value
  throw new InvalidArgumentError('a number above 0.')
}

async function runDemo(options: DemoOptions): Promise<number> {
  const { seed, speed } = options
  print(paint(`wearwatch ${VERSION} · DEMO: simulated pump, ${speed} x real time, seed ${seed}`, 'bold'))
  const stop = stopSignal()
  const broker = await startBroker()
  const dir = await mkdtemp(join(tmpdir(), 'wearwatch-demo-'))
  // `wearwatch demo | head` ends this process in the middle of a line.
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  try {
    const agent = await startAgent(options, broker, dir, seed, speed)
    const pump = startPump({
      clock: agent.parts.clock,
      seed,
      learnt: () => agent.parts.scoring[0]!.mode === 'scoring',
      publish: (topic, row, taken) => broker.publish(topic, row, taken),
    })
    try {
      return await watch(agent, broker, options, stop)
    } finally {
      pump()
      await agent.stop()
    }
  } finally {
    await broker.stop()
    await rm(dir, { recursive: true, force: true })
  }
}

async function startAgent(
  options: DemoOptions,
  broker: DemoBroker,
  dir: string,
  seed: number,
  speed: number,
): Promise<Agent> {
  const file = join(dir, 'wearwatch.yaml')
  await writeFile(file, demoConfig(broker.port))
  const { config } = loadConfigFile(file)
  const logger = createLogger({ level: options.verbose ? 'info' : 'error', format: 'text' })
  const clock = fastMotionClock(speed)
  return Agent.start({
    config,
    version: VERSION,
    clock,
    prng: seededPrng(seed),
    logger,
    environment: process.env,
    clockState: () => 'synced',
  })
}

/** Prints what happens until a signal comes, or the alarm when asked for; returns the exit code. */
async function watch(agent: Agent, broker: DemoBroker, options: DemoOptions, stop: Promise<string>): Promise<number> {
  const clock = systemClock()
  const view = new DemoView(agent)
  view.line('broker', `mqtt://127.0.0.1:${broker.port} (built in)`)
  const cancelView = clock.every(VIEW_MS, () => view.update())
  const alarmed = new Promise<'alarm'>(resolve => showAlarms(agent, view, broker, () => resolve('alarm')))
  const ends: Promise<string>[] = [stop]
  const patience = new AbortController()
  if (options.exitAfterAlarm) {
    ends.push(
      alarmed,
      sleep(clock, options.timeout * 1000, patience.signal).then(() => 'timeout'),
    )
  }
  const end = await Promise.race(ends)
  // A timer left running would hold the process.
  patience.abort()
  cancelView()
  if (end === 'timeout') view.line('timeout', `no alarm within ${options.timeout} s`)
  else if (end !== 'alarm') view.line('stop', 'draining and closing')
  return end === 'timeout' ? EXIT.failed : EXIT.ok
}

/** Alarm lines as they become durable, `sent` as the broker acknowledges them. */
function showAlarms(agent: Agent, view: DemoView, broker: DemoBroker, delivered: () => void): void {
  const { journal, uplink } = agent.parts
  let nextSeq = journal.status().nextSeq
  let raisedSeq = 0
  let sentSeq = 0
  let tried = false
  const settle = (): void => {
    if (raisedSeq > 0 && sentSeq >= raisedSeq) delivered()
  }
  const show = (transition: AlarmTransition): void => {
    view.update()
    const label =
      transition.transition === 'raised' ? paint(`ALARM P${transition.priority}`, 'red') : transition.transition
    view.line(label, ` ${transition.asset} ${transition.message}`)
    if (transition.transition === 'raised' && raisedSeq === 0) raisedSeq = transition.alertSeq
    settle()
  }
  journal.onAppend(async seq => {
    const from = nextSeq
    nextSeq = seq + 1
    for (const record of await journal.read(from, seq - from + 1)) {
      if (record.kind === 'alarm') show(JSON.parse(Buffer.from(record.payload).toString()) as AlarmTransition)
    }
  })
  uplink?.onDelivered((alertSeq, pubackMs) => {
    view.line('sent', `seq ${alertSeq}, PUBACK ${Math.round(pubackMs)} ms`)
    if (!tried) view.line('try', `mosquitto_sub -p ${broker.port} -t 'wearwatch/#' -v`)
    tried = true
    sentSeq = alertSeq
    settle()
  })
}
