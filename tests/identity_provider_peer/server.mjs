// npm's oidc-provider with the accounts of the local identity provider: node server.mjs CONFIG.json
//
// CONFIG: {port, issuer, accounts: {key: {sub, name, email, organization_oin, roles, acr}},
//          clients: [oidc-provider's own client metadata],
//          tls: {certificate, key, clientAuthorities, aliasPort}}
// With tls (names of files) it speaks https, and asks for a certificate at aliasPort only.
// It prints "ready" when it listens, on 127.0.0.1 only. All it knows is gone when it stops.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

const { port, issuer, accounts, clients, tls } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const algorithms = ['RS256', 'PS256', 'ES256'];
const scope = 'openid profile email';
const accountOfSubject = new Map(Object.values(accounts).map((account) => [account.sub, account]));

async function newKey(alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 });
  return { ...(await exportJWK(privateKey)), alg, kid: `peer-${alg}`, use: 'sig' };
}

function findAccount(_context, sub) {
  const account = accountOfSubject.get(sub);
  if (!account) return undefined;
  const { name, email, organization_oin, roles } = account;
  const claims = { sub, name, email, organization_oin, cloudloket_roles: roles };
  return { accountId: sub, claims: async () => claims };
}

// Of the certificate that the client showed; its own subject is compared as the client registered it.
const certificateOf = ({ socket }) => socket.getPeerX509Certificate?.();
const mTLS = {
  enabled: true,
  certificateBoundAccessTokens: true,
  selfSignedTlsClientAuth: true,
  tlsClientAuth: true,
  getCertificate: certificateOf,
  certificateAuthorized: ({ socket }) => socket.authorized,
  certificateSubjectMatches: (context, property, expected) =>
    property === 'tls_client_auth_subject_dn' && certificateOf(context).subject === expected,
};
const aliases = (base) => ({
  mtls_endpoint_aliases: { token_endpoint: `${base}/token`, userinfo_endpoint: `${base}/me` },
});

// The portal is the ministry's own client, so nobody is asked for consent.
async function grantWithoutAsking(context) {
  const { client, provider, session } = context.oidc;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(scope);
  await grant.save();
  return grant;
}

const provider = new Provider(issuer, {
  acrValues: [...new Set(Object.values(accounts).map((account) => account.acr))],
  claims: {
    acr: null,
    auth_time: null,
    iss: null,
    sid: null,
    openid: ['sub', 'organization_oin', 'cloudloket_roles'],
    profile: ['name'],
    email: ['email'],
  },
  clients,
  cookies: { keys: ['only-for-tests'] },
  enabledJWA: {
    clientAuthSigningAlgValues: algorithms,
    idTokenSigningAlgValues: algorithms,
    userinfoSigningAlgValues: algorithms,
  },
  clientAuthMethods: [
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
    ...(tls ? ['tls_client_auth', 'self_signed_tls_client_auth'] : []),
  ],
  discovery: tls ? aliases(`https://localhost:${tls.aliasPort}`) : {},
  features: {
    backchannelLogout: { enabled: true },
    devInteractions: { enabled: false },
    jwtUserinfo: { enabled: true },
    ...(tls ? { mTLS } : {}),
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (context, form) => {
        context.body = page(`${form}<button form="op.logoutForm" name="logout" value="yes">Log uit</button>`);
      },
    },
  },
  // Its guard against requests to private addresses would refuse back-channel logout on loopback.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  findAccount,
  interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
  jwks: { keys: await Promise.all(algorithms.map(newKey)) },
  loadExistingGrant: grantWithoutAsking,
  pkce: { required: () => true },
  scopes: scope.split(' '),
  ttl: { AccessToken: 300, Grant: 3600, IdToken: 300, Interaction: 600, Session: 3600 },
});

function page(content) {
  return `<!doctype html><html lang="nl"><title>Peer</title><main><h1>Kies een account</h1>${content}</main></html>`;
}

async function readForm(request) {
  let body = '';
  for await (const piece of request) body += piece;
  return new URLSearchParams(body);
}

async function interact(request, response) {
  if (request.method === 'GET') {
    await provider.interactionDetails(request, response);
    const buttons = Object.keys(accounts).map((key) => `<button name="account" value="${key}">${key}</button>`);
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(page(`<form method="post">${buttons.join('')}<button name="cancel" value="yes">Annuleer</button></form>`));
    return;
  }
  const account = accounts[(await readForm(request)).get('account')];
  const result = account
    ? { login: { accountId: account.sub, acr: account.acr, remember: false } }
    : { error: 'access_denied', error_description: 'the person stopped' };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const answer = provider.callback();
const serve = (request, response) => {
  if (!request.url.startsWith('/interaction/')) return answer(request, response);
  return interact(request, response).catch((error) => {
    response.statusCode = 400;
    response.end(error.message);
  });
};

function listen(server, where) {
  return new Promise((resolve) => server.listen(where, '127.0.0.1', resolve));
}

if (tls) {
  const own = { cert: readFileSync(tls.certificate), key: readFileSync(tls.key) };
  const asking = { requestCert: true, rejectUnauthorized: false, ca: readFileSync(tls.clientAuthorities) };
  await listen(https.createServer({ ...own, ...asking }, serve), tls.aliasPort);
  await listen(https.createServer(own, serve), port);
} else {
  await listen(http.createServer(serve), port);
}
console.log('ready');
