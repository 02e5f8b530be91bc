// An authority of one's own and certificates it signs, made by openssl.
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const OPENSSL_MISSING =
  spawnSync('openssl', ['version']).error === undefined ? false : 'openssl is not installed (apt-get install openssl)'

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

export interface Issued {
  cert: string
  key: string
}

export interface Wanted {
  san?: string
  /** As openssl ca takes them: 20200101000000Z. */
  from?: string
  to?: string
}

export const PAST: Wanted = { from: '20200101000000Z', to: '20210101000000Z' }
export const FUTURE: Wanted = { from: '20990101000000Z', to: '20991231000000Z' }

export class Authority {
  readonly dir: string
  readonly name: string

  constructor(dir: string, name = 'plant-ca') {
    this.dir = dir
    this.name = name
    const made = ['-keyout', `${name}.key`, '-out', `${name}.pem`, '-days', '3650', '-subj', `/CN=${name}`]
    this.#openssl('req', '-x509', ...KEY, ...made)
    const lines = [
      '[ca]',
      'default_ca = own',
      '[own]',
      `database = ${join(dir, `${name}.txt`)}`,
      `serial = ${join(dir, `${name}.srl`)}`,
      `new_certs_dir = ${dir}`,
      'default_md = sha256',
      'default_days = 365',
      'policy = any',
      'unique_subject = no',
      '[any]',
      'commonName = supplied',
    ]
    writeFileSync(join(dir, `${name}.cnf`), `${lines.join('\n')}\n`)
    writeFileSync(join(dir, `${name}.txt`), '')
    writeFileSync(join(dir, `${name}.srl`), '1000\n')
  }

  /** Path of its certificate. */
  get ca(): string {
    return join(this.dir, `${this.name}.pem`)
  }

  /** `<name>.pem` and `<name>.key`; paths. */
  issue(name: string, { san = 'IP:127.0.0.1,DNS:localhost', from, to }: Wanted = {}): Issued {
    const [csr, cert, key] = ['csr', 'pem', 'key'].map(end => `${name}.${end}`) as [string, string, string]
    writeFileSync(join(this.dir, `${name}.ext`), `subjectAltName=${san}`)
    this.#openssl('req', ...KEY, '-keyout', key, '-out', csr, '-subj', `/CN=${name}`)
    const times = [...(from ? ['-startdate', from] : []), ...(to ? ['-enddate', to] : [])]
    const own = ['-config', `${this.name}.cnf`, '-cert', `${this.name}.pem`, '-keyfile', `${this.name}.key`]
    this.#openssl('ca', '-batch', '-notext', ...own, '-in', csr, '-out', cert, '-extfile', `${name}.ext`, ...times)
    return { cert: join(this.dir, cert), key: join(this.dir, key) }
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.dir, stdio: 'ignore' })
  }
}

/** Their contents, as the configuration holds them. */
export function pemsOf(files: { ca?: string; cert?: string; key?: string }): {
  ca?: string
  cert?: string
  key?: string
} {
  return Object.fromEntries(Object.entries(files).map(([part, path]) => [part, readFileSync(path, 'utf8')]))
}
