// The services' clients, as the classic shape has them, and how often each was called.
const { NodeHttpHandler } = require("@smithy/node-http-handler");
const { S3Client, PutObjectCommand, GetObjectCommand, DeleteObjectCommand } = require("@aws-sdk/client-s3");
const { SQSClient, SendMessageCommand, ReceiveMessageCommand, DeleteMessageCommand } = require("@aws-sdk/client-sqs");

const requestHandler = () => new NodeHttpHandler({ httpAgent: { keepAlive: true, maxSockets: 256 } });
const sqs = new SQSClient({ requestHandler: requestHandler() });
const s3 = new S3Client({
    requestHandler: requestHandler(), forcePathStyle: true, requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED" });
const Bucket = process.env.BIDE_S3_BUCKET;
const QueueUrl = process.env.CLASSIC_QUEUE;
const counts = { jobs: 0, send: 0, receive: 0, delete: 0, put: 0, get: 0, remove: 0, publish: 0 };

function call(kind, client, command) {
    ++counts[kind];
    return client.send(command);
}

exports.counts = counts;
exports.put = (Key, Body) => call("put", s3, new PutObjectCommand({ Bucket, Key, Body }));
exports.get = async (Key) =>
    (await call("get", s3, new GetObjectCommand({ Bucket, Key }))).Body.transformToString();
exports.remove = (Key) => call("remove", s3, new DeleteObjectCommand({ Bucket, Key }));
exports.sendMessage = (MessageBody) => call("send", sqs, new SendMessageCommand({ QueueUrl, MessageBody }));
exports.receiveMessages = async () => (await call("receive", sqs, new ReceiveMessageCommand({
    QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 5 }))).Messages || [];
exports.deleteMessage = (ReceiptHandle) =>
    call("delete", sqs, new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
