// Signs model/ for two identities with a Sigstore instance of its own, and writes the bundles and trusted roots beside
// this script. No test runs it. To make all files anew, with other keys and the same times:
//
//     npm install --prefix build/sigstore @sigstore/mock@0.12.1 @sigstore/sign@4.1.1
//     node tests/integrity/keyless/make_fixtures.mjs build/sigstore

import crypto from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { mock } from "node:test";

const HERE = import.meta.dirname;
const require = createRequire(path.resolve(process.argv[2], "package.json"));
const mocks = require("@sigstore/mock");
const { DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness } = require("@sigstore/sign");
const { bundleToJSON } = require("@sigstore/bundle");
const { TrustedRoot, HashAlgorithm, PublicKeyDetails } = require("@sigstore/protobuf-specs");
const x509 = require("@peculiar/x509");

// The certificates of a signer are valid for ten minutes from then on.
const NOW = new Date("2025-03-01T12:00:00Z");
const STAMPED = new Date("2025-03-01T12:00:01Z");
const LOGGED = new Date("2025-03-01T12:00:02Z");
const LATE = new Date("2025-03-01T12:11:00Z");
mock.timers.enable({ apis: ["Date"], now: NOW });

const ISSUER = "https://issuer.example/oauth";
const IDENTITIES = { person: "releases@acme.example", workflow: "https://ci.acme.example/models/release.yml@main" };
const PREDICATE = "https://model_signing/signature/v1.0";

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), crypto.createHash("sha256")).digest();
const newKeys = () => crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

// The mock writes each identity as a URI; Fulcio writes an e-mail address as one.
for (const library of [x509, x509.default].filter(Boolean)) {
  const Names = library.SubjectAlternativeNameExtension;
  class FulcioNames extends Names {
    constructor(names, ...rest) {
      super(names.map((name) => (name.value.includes("://") ? name : { ...name, type: "email" })), ...rest);
    }
  }
  Object.defineProperty(library, "SubjectAlternativeNameExtension", { value: FulcioNames });
}

// OpenSSF Model Signing 1.0, section 5.
function makeStatement(folder) {
  const names = fs.readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
  const digests = names.map((name) => sha256(fs.readFileSync(path.join(folder, name))));
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: path.basename(folder), digest: { sha256: sha256(...digests).toString("hex") } }],
    predicateType: PREDICATE,
    predicate: {
      serialization: {
        method: "files",
        hash_type: "sha256",
        allow_symlinks: false,
        ignore_paths: [".git", ".gitattributes", ".github", ".gitignore"],
      },
      resources: names.map((name, index) => ({ algorithm: "sha256", digest: digests[index].toString("hex"), name })),
    },
  };
}

// A log of version 1 stores the hashes and signatures of an envelope, and each certificate as OpenSSL writes it; the
// mock stores what it was sent.
function storeVersion1({ spec: { proposedContent } }) {
  const envelope = JSON.parse(proposedContent.envelope);
  const der = Buffer.from(proposedContent.verifiers[0], "base64").toString().replace(/-----[^-]+-----|\s/g, "");
  const pem = `-----BEGIN CERTIFICATE-----\n${der.replace(/.{1,64}/g, "$&\n")}-----END CERTIFICATE-----\n`;
  const hash = (data) => ({ algorithm: "sha256", value: sha256(data).toString("hex") });
  return {
    apiVersion: "0.0.1",
    kind: "dsse",
    spec: {
      envelopeHash: hash(proposedContent.envelope),
      payloadHash: hash(Buffer.from(envelope.payload, "base64")),
      signatures: envelope.signatures.map(({ sig }) => ({
        signature: sig,
        verifier: Buffer.from(pem).toString("base64"),
      })),
    },
  };
}

// A log of version 2 stores the digest of the encoded envelope, its signature and the certificate.
function storeVersion2({ spec: { dsseRequestV002: { envelope, verifiers } } }) {
  const encoded = `DSSEv1 ${envelope.payloadType.length} ${envelope.payloadType} ${envelope.payload.length} `;
  const body = {
    apiVersion: "0.0.2",
    kind: "hashedrekord",
    spec: {
      hashedRekordV002: {
        data: { algorithm: "SHA2_256", digest: sha256(encoded, envelope.payload).toString("base64") },
        signature: {
          content: envelope.signatures[0].sig.toString("base64"),
          verifier: {
            keyDetails: "PKIX_ECDSA_P256_SHA_256",
            x509Certificate: { rawBytes: verifiers[0].verifier.x509Certificate.rawBytes.toString("base64") },
          },
        },
      },
    },
  };
  // The mock derives the kind of the entry from this key, which is not stored.
  Object.defineProperty(body.spec, "$case", { value: "hashedRekordRequestV002" });
  return body;
}

async function startInstance() {
  const keys = { ca: newKeys(), ct: newKeys(), log: newKeys(), tsa: newKeys() };
  const ctLog = await mocks.initializeCTLog(keys.ct);
  const ca = await mocks.initializeCA(keys.ca, ctLog);
  const log = await mocks.initializeTLog("https://rekor.acme.example", keys.log, LOGGED);
  const tsa = await mocks.initializeTSA(keys.tsa, STAMPED);
  const [log1, log2] = [log.log.bind(log), log.logV2.bind(log)];
  log.log = (entry) => log1(storeVersion1(entry));
  log.logV2 = async (request) => {
    const entry = await log2(storeVersion2(request));
    // The mock decodes the root as Base64 though it is hexadecimal, and numbers the only entry of its tree at random.
    entry.inclusionProof.rootHash = sha256(Buffer.from([0]), entry.canonicalizedBody);
    entry.inclusionProof.logIndex = "0";
    entry.integratedTime = "0";
    return entry;
  };
  const handlers = [mocks.fulcioHandler(ca), mocks.rekorHandler(log), mocks.rekorV2Handler(log), mocks.tsaHandler(tsa)];
  const server = http.createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    const handler = handlers.find(({ path: served }) => served === request.url);
    const answer = await handler.fn(body);
    response.writeHead(answer.statusCode, { "Content-Type": answer.contentType ?? "text/plain" }).end(answer.response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { ca, ctLog, log, tsa, server, url: `http://127.0.0.1:${server.address().port}` };
}

function makeTrustedRoot({ ca, ctLog, log, tsa }) {
  const subject = { organization: "sigstore.mock", commonName: "sigstore" };
  const authority = (uri, ...certificates) => ({
    subject,
    uri,
    certChain: { certificates: certificates.map((rawBytes) => ({ rawBytes })) },
    validFor: { start: NOW },
    operator: "",
  });
  const instance = (baseUrl, rawBytes) => ({
    baseUrl,
    hashAlgorithm: HashAlgorithm.SHA2_256,
    publicKey: { rawBytes, keyDetails: PublicKeyDetails.PKIX_ECDSA_P256_SHA_256, validFor: { start: NOW } },
    logId: { keyId: sha256(rawBytes) },
    operator: "",
  });
  return TrustedRoot.toJSON({
    mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    tlogs: [instance("https://rekor.acme.example", log.publicKey)],
    certificateAuthorities: [authority("https://fulcio.acme.example", ca.rootCertificate)],
    ctlogs: [instance("https://ct.acme.example", Buffer.from(ctLog.publicKey))],
    timestampAuthorities: [authority("https://tsa.acme.example", tsa.intCertificate, tsa.rootCertificate)],
  });
}

async function sign({ url }, identity, payload, { version, stamp }) {
  const claims = { iss: ISSUER, sub: identity };
  const token = `${encode({ alg: "none" })}.${encode(claims)}.`;
  const options = { retry: false, timeout: 5000 };
  const builder = new DSSEBundleBuilder({
    signer: new FulcioSigner({ fulcioBaseURL: url, identityProvider: { getToken: async () => token }, ...options }),
    witnesses: [
      new RekorWitness({ rekorBaseURL: url, majorApiVersion: version, entryType: "dsse", ...options }),
      ...(stamp ? [new TSAWitness({ tsaBaseURL: url, ...options })] : []),
    ],
  });
  const bundle = bundleToJSON(await builder.create({ data: payload, type: "application/vnd.in-toto+json" }));
  for (const entry of bundle.verificationMaterial.tlogEntries) {
    // The JSON of Protocol Buffers leaves out zeros and empty lists, which sigstore 4.5.1 for Python requires.
    entry.inclusionProof = { logIndex: "0", hashes: [], ...entry.inclusionProof };
  }
  return bundle;
}

const write = (name, value) => fs.writeFileSync(path.join(HERE, name), `${JSON.stringify(value, null, 2)}\n`);
const payload = Buffer.from(JSON.stringify(makeStatement(path.join(HERE, "model"))));
const instance = await startInstance();
const other = await startInstance();
write("trusted_root.json", makeTrustedRoot(instance));
write("other_root.json", makeTrustedRoot(other));
write("person.sigstore.json", await sign(instance, IDENTITIES.person, payload, { version: 1 }));
write("workflow.sigstore.json", await sign(instance, IDENTITIES.workflow, payload, { version: 1 }));
write("stamped.sigstore.json", await sign(instance, IDENTITIES.person, payload, { version: 1, stamp: true }));
write("version2.sigstore.json", await sign(instance, IDENTITIES.person, payload, { version: 2, stamp: true }));
instance.log.getCurrentTime = () => LATE.getTime();
write("late.sigstore.json", await sign(instance, IDENTITIES.person, payload, { version: 1 }));
instance.server.close();
other.server.close();
