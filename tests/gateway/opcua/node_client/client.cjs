// Browses, subscribes and commands an OPC UA server with node-opcua, and prints what it found as JSON.
//
//   node client.cjs ADDRESS TOKEN PKI_FOLDER
//
// An empty token comes in without one.
"use strict";

const {
  AttributeIds,
  BrowseDirection,
  ClientSubscription,
  DataType,
  MessageSecurityMode,
  OPCUAClient,
  SecurityPolicy,
  TimestampsToReturn,
  UserTokenType,
  VariantArrayType,
  coerceNodeId,
} = require("node-opcua-client");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");

const [address, token, pki] = process.argv.slice(2);
const PACKML = "cell_a/PackML/BaseStateMachine/MachineState/ExecuteState";
const JOBS = "JobManagement/JobOrderControl";

async function everything(session, top) {
  const found = [];
  const waiting = [top];
  const seen = new Set();
  while (waiting.length > 0) {
    const result = await session.browse({
      nodeId: waiting.pop(),
      browseDirection: BrowseDirection.Forward,
      referenceTypeId: "HierarchicalReferences",
      includeSubtypes: true,
      resultMask: 63,
    });
    for (const one of result.references ?? []) {
      const id = one.nodeId.toString();
      if (one.nodeId.namespace !== top.namespace || seen.has(id)) continue;
      seen.add(id);
      found.push(one.nodeId.value);
      waiting.push(one.nodeId);
    }
  }
  return found;
}

// Watches a variable; `until(wanted)` resolves once it has had such a value.
async function watch(subscription, nodeId) {
  const values = [];
  let told = () => {};
  const item = await subscription.monitor(
    { nodeId, attributeId: AttributeIds.Value },
    { samplingInterval: 50, queueSize: 50 },
    TimestampsToReturn.Both,
  );
  item.on("changed", (value) => {
    values.push(value.value.value);
    told();
  });
  const until = (wanted) => new Promise((resolve) => {
    told = () => { if (values.some(wanted)) resolve(); };
    told();
  });
  return { values, until };
}

async function main() {
  const certificates = new OPCUACertificateManager({ rootFolder: pki, automaticallyAcceptUnknownCertificate: true });
  await certificates.initialize();
  const client = OPCUAClient.create({
    applicationName: "tests",
    clientCertificateManager: certificates,
    securityMode: MessageSecurityMode.SignAndEncrypt,
    securityPolicy: SecurityPolicy.Basic256Sha256,
    connectionStrategy: { maxRetry: 0 },
    endpointMustExist: true,
  });
  const found = {};
  await client.connect(address);
  try {
    const user = token === ""
      ? { type: UserTokenType.Anonymous }
      : { type: UserTokenType.UserName, userName: "node-opcua", password: token };
    const session = await client.createSession(user);
    const uris = await session.readNamespaceArray();
    const own = uris.indexOf("urn:robot-cell:plant:housing_plant");
    const id = (path) => coerceNodeId(`ns=${own};s=${path}`);
    found.namespaces = uris;
    const subscription = ClientSubscription.create(session, {
      requestedPublishingInterval: 50, requestedLifetimeCount: 1000, requestedMaxKeepAliveCount: 10,
      publishingEnabled: true,
    });
    const watched = await watch(subscription, id(`${PACKML}/CurrentState/Number`));
    await watched.until(() => true);
    const call = async (object, method, inputArguments) => {
      const result = await session.call({ objectId: id(object), methodId: id(`${object}/${method}`), inputArguments });
      return [result.statusCode.name, ...(result.outputArguments ?? []).map((one) => one.value)];
    };
    found.hold = await call(PACKML, "Hold", []);
    if (found.hold[0] === "Good") await watched.until((value) => value === 11);
    if (found.hold[0] === "Good") found.nodes = await everything(session, id("housing_plant"));
    found.states = watched.values;
    await subscription.terminate();

    const jobOrderType = coerceNodeId(`ns=${uris.indexOf("http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/")};i=3008`);
    const order = await session.constructExtensionObject(jobOrderType, {
      jobOrderID: "NODE-1",
      workMasterID: [{ ID: "housing_s" }],
      startTime: new Date("2026-11-23T05:00:00Z"),
      endTime: new Date("2026-11-23T07:00:00Z"),
      priority: 7,
    });
    const comment = { dataType: DataType.LocalizedText, arrayType: VariantArrayType.Array, value: [] };
    const name = { dataType: DataType.String, value: "NODE-1" };
    found.store = await call(JOBS, "Store", [{ dataType: DataType.ExtensionObject, value: order }, comment]);
    found.start = await call(JOBS, "Start", [name, comment]);
    const answer = await call("JobManagement/JobOrderResults", "RequestJobResponseByJobOrderID", [name]);
    found.state = answer[1]?.jobState?.map((one) => one.stateNumber) ?? null;
    found.cancel = await call(JOBS, "Cancel", [name, comment]);
    await session.close();
  } catch (error) {
    found.refused = String(error.message);
  } finally {
    await client.disconnect();
    await certificates.dispose();
  }
  // Its log goes to stdout as well: what was found is in the last line.
  process.stdout.write(`\n${JSON.stringify(found, (_, value) => (typeof value === "bigint" ? Number(value) : value))}\n`);
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
