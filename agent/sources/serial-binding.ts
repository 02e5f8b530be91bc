// serialport 13 takes a read of 0 bytes for "nothing yet" and reads again at once, for ever. That is what a terminal gives
// after its adapter was pulled out (hung_up_tty_read of Linux): when bytes were waiting in that moment the loss was never
// seen and a core was kept busy. Everything else is serialport's own.
import { read } from 'node:fs'
import { promisify } from 'node:util'
import { SerialPort } from 'serialport'

const readFd = promisify(read)

/** What serialport's bindings for Linux and macOS have. */
export interface PolledPort {
  fd: number | null
  poller: { once(event: 'readable', callback: (error: Error | null) => void): unknown }
}

interface ReadResult {
  buffer: Buffer
  bytesRead: number
}

type Reads = { read(buffer: Buffer, offset: number, length: number): Promise<ReadResult> }

/** serialport's binding, with ports that end at a hang-up. */
export const serialBinding: typeof SerialPort.binding = {
  ...SerialPort.binding,
  async open(options: never) {
    const port = await SerialPort.binding.open(options)
    if ('poller' in port) {
      const polled = port as unknown as PolledPort & Reads
      polled.read = (buffer, offset, length) => readUntilHangUp(polled, buffer, offset, length)
    }
    return port
  },
} as typeof SerialPort.binding

/**
 * Reads at least one byte, waiting for it. Rejects with the system's error when the device is gone, also where that shows as
 * a read of 0 bytes; with `canceled` set when the port was closed meanwhile, which serialport does not take for a loss.
 */
export async function readUntilHangUp(
  port: PolledPort,
  buffer: Buffer,
  offset: number,
  length: number,
): Promise<ReadResult> {
  for (;;) {
    const fd = openFd(port)
    try {
      const { bytesRead } = await readFd(fd, buffer, offset, length, null)
      if (bytesRead > 0) return { buffer, bytesRead }
    } catch (error) {
      // Closed while the read was on its way: its poller is freed, and waiting on that ends the process (SIGSEGV in napi_unwrap).
      openFd(port)
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EAGAIN' && code !== 'EINTR') throw error
      await new Promise<void>((resolve, reject) => {
        port.poller.once('readable', failed => (failed ? reject(failed) : resolve()))
      })
      continue
    }
    throw new Error('the line was hung up')
  }
}

function openFd({ fd }: PolledPort): number {
  if (fd === null) throw Object.assign(new Error('Port is not open'), { canceled: true })
  return fd
}
