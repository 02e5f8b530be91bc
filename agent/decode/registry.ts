// The wire formats, one line each.
import type { SerialSourceConfig } from '../config/contract.ts'
import { createCobsCrc16Decoder } from './cobs-crc16.ts'
import type { DecoderContext, Decoders, StreamDecoder } from './contract.ts'
import { createCsvLinesDecoder } from './csv-lines.ts'
import { openCsvTable } from './csv-table.ts'
import { createJsonLinesDecoder } from './json-lines.ts'
import { createJsonMessageDecoder } from './json-message.ts'
import { openNpy } from './npy.ts'

const STREAMS: Record<
  SerialSourceConfig['frame'],
  (config: SerialSourceConfig, context: DecoderContext) => StreamDecoder
> = {
  'cobs-crc16': (config, context) => createCobsCrc16Decoder(context, config),
  csv: (config, context) =>
    createCsvLinesDecoder(context, { delimiter: config.delimiter, lineBytesMax: config.frameBytesMax }),
  json: (config, context) => createJsonLinesDecoder(context, config.frameBytesMax),
}

export const decoders: Decoders = {
  message: createJsonMessageDecoder,
  stream: (config, context) => STREAMS[config.frame](config, context),
  openCsv: openCsvTable,
  openNpy,
}
