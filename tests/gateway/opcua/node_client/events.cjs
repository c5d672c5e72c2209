// Subscribes to the events of an OPC UA server with node-opcua, and prints the first alarm as JSON.
//
//   node events.cjs ADDRESS TOKEN PKI_FOLDER
"use strict";

const {
  AttributeIds,
  MessageSecurityMode,
  OPCUAClient,
  SecurityPolicy,
  TimestampsToReturn,
  UserTokenType,
  constructEventFilter,
} = require("node-opcua-client");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");

const [address, token, pki] = process.argv.slice(2);

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
  await client.connect(address);
  const session = await client.createSession({ type: UserTokenType.UserName, userName: "node-opcua", password: token });
  const own = (await session.readNamespaceArray()).indexOf("urn:robot-cell:plant:housing_plant");
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 50, requestedLifetimeCount: 1000, requestedMaxKeepAliveCount: 10,
    publishingEnabled: true,
  });
  const filter = constructEventFilter(["Message", "Severity", "SourceName", `${own}:Cell`, `${own}:State`]);
  const item = await subscription.monitor(
    { nodeId: "ns=0;i=2253", attributeId: AttributeIds.EventNotifier },
    { samplingInterval: 0, queueSize: 100, filter },
    TimestampsToReturn.Both,
  );
  const heard = new Promise((resolve) => item.on("changed", resolve));
  process.stdout.write("\nlistens\n");
  const [message, severity, source, cell, state] = (await heard).map((one) => one.value);
  await subscription.terminate();
  await session.close();
  await client.disconnect();
  await certificates.dispose();
  process.stdout.write(`\n${JSON.stringify({ message: message.text, severity, source, cell, state })}\n`);
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
