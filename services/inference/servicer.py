"""The Open Inference Protocol over the repository: converts, and nothing else."""
# ruff: noqa: N802, ARG002  # names and signatures of the methods are those of the protocol

from collections.abc import AsyncIterator

from inference import open_inference_grpc_pb2 as oip
from inference import open_inference_grpc_pb2_grpc as oip_grpc
from services.inference.pool import WorkPool
from services.inference.repository import ModelRepository
from services.inference.tensors import ALPHA, read_features, write_alphas
from services.market.errors import TechnicError
from services.rpc.interceptors import Context

Tensor = oip.ModelMetadataResponse.TensorMetadata


class InferenceServicer(oip_grpc.GRPCInferenceServiceServicer):
    """Serves the models of a repository; all blocking work runs in the pool. `version` is that of the server."""

    def __init__(self, repository: ModelRepository, pool: WorkPool, version: str) -> None:
        self._repository = repository
        self._pool = pool
        self._version = version

    async def ServerLive(self, request: oip.ServerLiveRequest, context: Context) -> oip.ServerLiveResponse:
        """Answer; that is all it takes."""
        return oip.ServerLiveResponse(live=True)

    async def ServerReady(self, request: oip.ServerReadyRequest, context: Context) -> oip.ServerReadyResponse:
        """Tell whether all models are loaded and none is broken."""
        return oip.ServerReadyResponse(ready=self._repository.ready)

    async def ModelReady(self, request: oip.ModelReadyRequest, context: Context) -> oip.ModelReadyResponse:
        """Tell whether a version of a model, the newest by default, is loaded."""
        return oip.ModelReadyResponse(ready=self._repository.entry(request.name, request.version).model is not None)

    async def ServerMetadata(self, request: oip.ServerMetadataRequest, context: Context) -> oip.ServerMetadataResponse:
        """Describe the server."""
        return oip.ServerMetadataResponse(name="technic", version=self._version, extensions=["model_repository"])

    async def ModelMetadata(self, request: oip.ModelMetadataRequest, context: Context) -> oip.ModelMetadataResponse:
        """Describe a model: an FP32 input per feature, the alpha, and its card as properties."""
        card = self._repository.model(request.name, request.version).card
        return oip.ModelMetadataResponse(
            name=card.name,
            versions=[entry.version for entry in self._repository.versions(card.name)],
            platform="xgboost",
            inputs=[Tensor(name=name, datatype="FP32", shape=[-1]) for name in card.names],
            outputs=[Tensor(name=ALPHA, datatype="FP32", shape=[-1])],
            properties=card.facts(),
        )

    async def ModelInfer(self, request: oip.ModelInferRequest, context: Context) -> oip.ModelInferResponse:
        """Predict a batch."""
        return await self._pool.run(self._infer, request)

    async def ModelStreamInfer(self, request_iterator: AsyncIterator[oip.ModelInferRequest], context: Context) -> None:
        """Predict batches in the order in which they come; a typed error is an answer and ends nothing."""
        async for request in request_iterator:
            answer = oip.ModelStreamInferResponse(infer_response=oip.ModelInferResponse(id=request.id))
            try:
                answer.infer_response.CopyFrom(await self._pool.run(self._infer, request))
            except TechnicError as error:
                answer.error_message = error.message
            await context.write(answer)

    def _infer(self, request: oip.ModelInferRequest) -> oip.ModelInferResponse:
        model = self._repository.model(request.model_name, request.model_version)
        alphas = model.predict(read_features(request, model.card.features))
        return write_alphas(request, str(model.card.version), alphas)

    async def RepositoryIndex(
        self, request: oip.RepositoryIndexRequest, context: Context
    ) -> oip.RepositoryIndexResponse:
        """List every version of every model with its state and, if it is unavailable, why."""
        response = oip.RepositoryIndexResponse()
        for entry in self._repository.entries():
            state = "READY" if entry.model else "UNAVAILABLE"
            if entry.model or not request.ready:
                response.models.add(name=entry.name, version=entry.version, state=state, reason=entry.reason)
        return response

    async def RepositoryModelLoad(
        self, request: oip.RepositoryModelLoadRequest, context: Context
    ) -> oip.RepositoryModelLoadResponse:
        """Read all versions of a model anew from its folder."""
        await self._pool.run(self._repository.load, request.model_name)
        return oip.RepositoryModelLoadResponse()

    async def RepositoryModelUnload(
        self, request: oip.RepositoryModelUnloadRequest, context: Context
    ) -> oip.RepositoryModelUnloadResponse:
        """Let go of all versions of a model."""
        await self._pool.run(self._repository.unload, request.model_name)
        return oip.RepositoryModelUnloadResponse()
