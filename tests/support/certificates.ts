import { writeFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { debianProgram, run } from '#dev/brokers/programs.ts';

/** Certificates as a company of its own would make them, in PEM files, with openssl. */

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** Key and certificate in one file, as Kafka wants them. */
  readonly bothFile: string;
}

export interface Authority extends Certificate {
  /** Signs a certificate for these names, such as `IP:127.0.0.1` or `DNS:localhost`. */
  issue(name: string, subjectAltName?: string): Promise<Certificate>;
}

/** A certificate authority in a folder. */
export async function newAuthority(folder: string, name: string): Promise<Authority> {
  const own = await selfSigned(folder, name, undefined, ['-addext', 'keyUsage=critical,keyCertSign,cRLSign']);
  return {
    ...own,
    async issue(subject, subjectAltName) {
      const issued = filesOf(folder, subject);
      const request = join(folder, `${subject}.csr`);
      const extensions = join(folder, `${subject}.ext`);
      const out = ['-keyout', issued.keyFile, '-out', request];
      await openssl(folder, ['req', '-new', '-nodes', '-newkey', 'rsa:2048', '-subj', `/CN=${subject}`, ...out]);
      writeFileSync(extensions, subjectAltName === undefined ? '' : `subjectAltName=${subjectAltName}\n`);
      const signer = ['-CA', own.certFile, '-CAkey', own.keyFile, '-CAcreateserial', '-days', '2'];
      const files = ['-in', request, '-extfile', extensions, '-out', issued.certFile];
      await openssl(folder, ['x509', '-req', ...signer, ...files]);
      return joined(issued);
    },
  };
}

/** A certificate that vouches for itself. */
export async function selfSigned(
  folder: string,
  name: string,
  subjectAltName?: string,
  more: readonly string[] = [],
): Promise<Certificate> {
  const files = filesOf(folder, name);
  const subject = ['-days', '2', '-subj', `/CN=${name}`, ...more];
  if (subjectAltName !== undefined) subject.push('-addext', `subjectAltName=${subjectAltName}`);
  const out = ['-keyout', files.keyFile, '-out', files.certFile];
  await openssl(folder, ['req', '-x509', '-nodes', '-newkey', 'rsa:2048', ...subject, ...out]);
  return joined(files);
}

function filesOf(folder: string, name: string): Certificate {
  return {
    certFile: join(folder, `${name}.crt`),
    keyFile: join(folder, `${name}.key`),
    bothFile: join(folder, `${name}.pem`),
  };
}

function joined(files: Certificate): Certificate {
  writeFileSync(files.bothFile, readFileSync(files.keyFile, 'utf8') + readFileSync(files.certFile, 'utf8'));
  return files;
}

async function openssl(folder: string, args: readonly string[]): Promise<void> {
  const { command } = await debianProgram('openssl', 'openssl', 'Install openssl.', () => {});
  await run(command, args, folder);
}
