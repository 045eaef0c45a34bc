// The health check of the image: exit code 0 while the process in this container is ready, 1 while it is not, with the
// reason on standard error. Of Docker alone; Kubernetes asks by HTTP itself.
import { get } from 'node:http';

const timeoutMs = 4_000;
const port = process.env.PORT || '8080';
const listensOn = process.env.HOST || '127.0.0.1';
const host = listensOn === '0.0.0.0' ? '127.0.0.1' : listensOn === '::' ? '::1' : listensOn;

function end(reason) {
  if (reason) process.stderr.write(`${reason}\n`);
  process.exit(reason ? 1 : 0);
}

const request = get({ host, port, path: '/health/readiness', timeout: timeoutMs }, (response) => {
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk) => (text = (text + chunk).slice(0, 4_000)));
  response.on('end', () => end(response.statusCode === 200 ? '' : `${response.statusCode} ${text}`));
});
request.on('timeout', () => end(`no answer in ${timeoutMs / 1000} s`));
request.on('error', (error) => end(error.message));
// A server that goes on sending is cut as well.
setTimeout(() => end(`no answer in ${timeoutMs / 1000} s`), timeoutMs).unref();
