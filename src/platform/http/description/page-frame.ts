import { createHash } from 'node:crypto';
import { escape } from './page-schema.ts';
import { SCRIPT } from './page-script.ts';

/** The frame of every page: one HTML file that loads nothing, from nowhere; its policy lets a browser see to that. */

const STYLE = `
:root{color-scheme:light dark;--bg:#fff;--soft:#f6f7f9;--line:#e3e6eb;--text:#1c2430;--dim:#5b6675;--link:#0b5cad;--mark:#fff3c4;
--get:#0b6e4f;--post:#0b5cad;--put:#8a5a00;--patch:#7a3aa8;--delete:#b3261e}
@media (prefers-color-scheme:dark){:root{--bg:#12161c;--soft:#1a2028;--line:#2b333f;--text:#e4e9f0;--dim:#9aa6b6;--link:#7db7ff;--mark:#4a3f14;
--get:#4cc38a;--post:#6cb0ff;--put:#e0b050;--patch:#c79bf2;--delete:#ff8a80}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:8.5rem}
body{margin:0;background:var(--bg);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
code{font:0.88em/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
header{position:sticky;top:0;z-index:1;display:flex;gap:1.5rem;align-items:baseline;padding:.9rem 2rem;background:var(--bg);border-bottom:1px solid var(--line)}
header strong{font-size:1.05rem;letter-spacing:.02em}header small{color:var(--dim)}
header nav{margin-left:auto;display:flex;gap:1.25rem;font-size:.92rem;flex-wrap:wrap}
.page{display:grid;grid-template-columns:17rem minmax(0,1fr);max-width:82rem;margin:0 auto}
aside{position:sticky;top:3.6rem;align-self:start;max-height:calc(100vh - 3.6rem);overflow:auto;padding:1.6rem 1rem 2rem 2rem;font-size:.9rem;border-right:1px solid var(--line)}
aside ul{list-style:none;margin:.2rem 0 1rem;padding:0}aside li a{display:flex;gap:.5rem;padding:.16rem 0;color:var(--dim);overflow-wrap:anywhere}
aside li a:hover{color:var(--text)}aside b a{color:var(--text)}
main{padding:2rem 2.5rem 6rem;min-width:0}
main.alone{max-width:60rem;margin:0 auto}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .6rem}h2{font-size:1.3rem;margin:3rem 0 .8rem;padding-bottom:.35rem;border-bottom:1px solid var(--line)}
h3{font-size:1.02rem;margin:1.8rem 0 .4rem}h4{font-size:.78rem;letter-spacing:.06em;text-transform:uppercase;color:var(--dim);margin:1.1rem 0 .35rem}
.lead{font-size:1.08rem;color:var(--dim);max-width:46rem;margin:0 0 1.6rem}
.rules{display:grid;grid-template-columns:repeat(auto-fill,minmax(20rem,1fr));gap:1px;margin:0;background:var(--line);border:1px solid var(--line);border-radius:10px;overflow:hidden}
.rules div{background:var(--bg);padding:.85rem 1.1rem}.rules dt{font-weight:600;font-size:.92rem}.rules dd{margin:.15rem 0 0;color:var(--dim);font-size:.92rem}
.op{border:1px solid var(--line);border-radius:10px;margin:.5rem 0;background:var(--bg)}
.op[open]{box-shadow:0 1px 6px rgb(0 0 0/.07)}
.op summary{display:flex;gap:.8rem;align-items:baseline;padding:.62rem 1rem;cursor:pointer;list-style:none;flex-wrap:wrap}
.op summary::-webkit-details-marker{display:none}.op summary:hover{background:var(--soft);border-radius:10px}
.op summary:focus-visible,a:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:6px}
.method{flex:none;width:4.2rem;text-align:center;font:600 .72rem/1.7 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;text-transform:uppercase;border-radius:5px;border:1px solid currentColor}
.get{color:var(--get)}.post{color:var(--post)}.put{color:var(--put)}.patch{color:var(--patch)}.delete{color:var(--delete)}
aside .method{width:auto;border:0;font-size:.66rem;line-height:2;min-width:2.7rem;text-align:left}
.path{font-weight:600}.path em{font-style:normal;color:var(--dim)}.sum{color:var(--dim);font-size:.93rem;flex:1;min-width:14rem}
.body{padding:.1rem 1rem 1rem;border-top:1px solid var(--line)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.36rem .8rem .36rem 0;border-top:1px solid var(--line);font-weight:400}
tr:first-child>*{border-top:0}th{width:15rem;white-space:nowrap}.op td:nth-child(2){width:9rem;color:var(--dim);white-space:nowrap}
.wide th{width:17rem}.in1{padding-left:1.4rem}.in2{padding-left:2.8rem}.in3{padding-left:4.2rem}.in4{padding-left:5.6rem}
abbr{color:var(--delete);text-decoration:none}.note{color:var(--dim);font-size:.92rem;margin:.8rem 0 0}
tr:target>*{background:var(--mark)}td.num{width:5rem;color:var(--dim)}
footer{color:var(--dim);font-size:.88rem;margin-top:3.5rem;border-top:1px solid var(--line);padding-top:1rem}
.finder{position:sticky;top:3.55rem;z-index:1;display:flex;gap:.7rem;background:var(--bg);padding:.7rem 0;margin:0 0 .5rem}
input,textarea,button{font:inherit;color:inherit;background:var(--bg);border:1px solid var(--line);border-radius:8px;padding:.45rem .7rem;min-width:0}
input:focus-visible,textarea:focus-visible,button:focus-visible{outline:2px solid var(--link);outline-offset:1px}
.finder input{flex:1 1 14rem;width:0}[hidden]{display:none!important}
#count{align-self:center;color:var(--dim);font-size:.9rem;white-space:nowrap}#count:empty{display:none}
figure{margin:.3rem 0 .7rem}figcaption{display:flex;justify-content:space-between;align-items:end;color:var(--dim);font-size:.86rem;padding:.1rem 0}
.copy{font-size:.8rem;padding:.1rem .6rem;color:var(--dim);cursor:pointer}
pre{background:var(--soft);border:1px solid var(--line);border-radius:8px;padding:.7rem .9rem;margin:.25rem 0 0;overflow-x:auto;font-size:.9rem}
.trial{margin:1rem 0 0;border-top:1px solid var(--line)}.trial summary{font-weight:600;color:var(--link);padding:.7rem 0 .2rem}.trial summary:hover{background:none}
.try{display:grid;grid-template-columns:repeat(auto-fill,minmax(14rem,1fr));gap:.7rem;align-items:end}.try label{display:grid;gap:.2rem;font-size:.9rem}
.try .whole,.try output{grid-column:1/-1}.try textarea{font:.86rem/1.45 ui-monospace,Menlo,Consolas,monospace;resize:vertical;width:100%}
.try button{cursor:pointer;background:var(--link);color:var(--bg);border-color:var(--link);font-weight:600;justify-self:start;grid-column:1/-1}
.try output{white-space:pre-wrap;overflow-wrap:anywhere;max-height:30rem;overflow:auto;font:.84rem/1.45 ui-monospace,Menlo,Consolas,monospace}.try output:empty{display:none}
main.searching>:is(h1,.lead,.rules){display:none}
@media (max-width:60rem){html{scroll-padding-top:4rem}.page{grid-template-columns:minmax(0,1fr)}aside{display:none}main{padding:1rem 1.1rem 4rem}header{position:static;padding:.7rem 1.1rem;flex-wrap:wrap;gap:.4rem 1.2rem}header nav{margin-left:0;gap:.2rem 1.1rem}.finder{top:0;flex-wrap:nowrap}.finder input{flex-basis:6rem}#count:empty{display:none}.rules{grid-template-columns:1fr}
tr,tbody,table{display:block}tr{padding:.4rem 0;border-top:1px solid var(--line)}tr:first-child{border-top:0}th,td,.op td:nth-child(2),td.num{border:0;padding:0 .6rem 0 0;width:auto;white-space:normal;overflow-wrap:anywhere}th,.op td:nth-child(2),td.num{display:inline}td{display:block}.in1,.in2,.in3,.in4{padding-left:0}tr:has(.in1){margin-left:1rem}tr:has(.in2){margin-left:2rem}tr:has(.in3){margin-left:3rem}tr:has(.in4){margin-left:4rem}.op summary{gap:.3rem .7rem}.path{overflow-wrap:anywhere}.sum{min-width:100%}}
@media print{header,aside{display:none}.page{display:block}}
`;

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Headers of a page: it may use its own style and script, and call the system that serves it. */
export const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src ${hashOf(STYLE)}; script-src ${hashOf(SCRIPT)}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;

export function page(title: string, version: string, body: string): string {
  const links = [
    ['/docs', 'API'],
    ['/docs/errors', 'Errors'],
    ['/openapi.json', 'OpenAPI'],
    ['/asyncapi.json', 'AsyncAPI'],
    ['/schema.graphql', 'GraphQL'],
  ];
  const nav = links.map(([href, text]) => `<a href="${href}">${text}</a>`).join('');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escape(title)}</title><link rel="icon" href="data:,"><style>${STYLE}</style></head><body><header><strong>OLMS</strong><small>${escape(version)}</small><nav>${nav}</nav></header>${body}<script>${SCRIPT}</script></body></html>`;
}
