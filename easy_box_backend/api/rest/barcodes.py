"""Barcodes of a product. Everybody may read them, storekeepers and managers may write them."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import serializers
from api.actions import barcodes, stock
from api.auth.tokens import actor, storekeepers_only
from api.models import Product
from api.rest import openapi
from api.rest.requests import checked, find, require_id
from api.serializers.rows import barcode_json


class Barcodes(APIView):
    @extend_schema(responses=openapi.ok(openapi.BarcodeOut(many=True)))
    def get(self, request: Request, key: str) -> Response:
        """Barcodes of a product beside its SKU. `?sku=` finds it by any of them."""
        product = find(Product, key, stock.NoSuchProduct)
        return Response([barcode_json(row) for row in product.barcodes.all()])

    @extend_schema(request=openapi.body(serializers.BarcodeIn), responses=openapi.ok(openapi.BarcodeOut))
    def post(self, request: Request, key: str) -> Response:
        """Give a product another barcode; if it has it already, set its pieces. Answers the barcode as it is stored.
        For storekeepers and managers."""
        storekeepers_only(request)
        data = checked(serializers.BarcodeIn, request.data)
        product_id = require_id(key, stock.NoSuchProduct)
        row = barcodes.add(product_id, data["code"], pieces=data["pieces"], by=actor(request))
        return Response(barcode_json(row))

    @extend_schema(parameters=[serializers.BarcodeQuery], responses=openapi.NOTHING)
    def delete(self, request: Request, key: str) -> Response:
        """Take a barcode away from a product. For storekeepers and managers."""
        storekeepers_only(request)
        code = checked(serializers.BarcodeQuery, request.query_params)["code"]
        barcodes.remove(require_id(key, stock.NoSuchProduct), code, by=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
